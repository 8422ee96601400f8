package pluginv2

import "github.com/hashicorp/go-plugin"

// ProtocolVersion of Grafana's plugins.
const ProtocolVersion = 2

// Handshake is what Grafana and its plugins tell each other before anything else.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "grafana_plugin_type",
	MagicCookieValue: "datasource",
}
