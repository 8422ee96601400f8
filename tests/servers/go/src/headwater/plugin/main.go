// Command plugin is a data source made with HashiCorp's go-plugin, as Grafana's own are: what a query or a
// resource asks for is what it does.
package main

import (
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/net/context"
	"google.golang.org/grpc"

	"headwater/pluginv2"
)

const anySize = 1<<31 - 1

var logger = hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Debug, JSONFormat: true})

func main() {
	logger.Info("Go plugin starts", "pid", os.Getpid())
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  pluginv2.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{pluginv2.ProtocolVersion: {"data": services{}}},
		Logger:           logger,
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(anySize), grpc.MaxSendMsgSize(anySize))...)
		},
	})
}

// services registers every service with go-plugin's server.
type services struct{ plugin.NetRPCUnsupportedPlugin }

func (services) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (interface{}, error) {
	return nil, nil
}

func (services) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	for _, service := range pluginv2.Services {
		server.RegisterService(service, source{})
	}
	return nil
}
