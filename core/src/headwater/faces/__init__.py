"""The methods of `Headwater`, by what they are about. The host itself wires what they use."""
