"""The wire: Grafana's services as protobuf, the handshake, and both ways between messages and models."""
