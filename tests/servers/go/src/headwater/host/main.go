// Command host drives one data-source plugin with HashiCorp's go-plugin, as Grafana does.
//
//	host EXECUTABLE [ARGUMENT...]
//
// It reads requests from stdin and writes what happened to stdout, one JSON object a line. Its own environment
// is the plugin's. What the plugin logs goes to stderr, as go-plugin reads it.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/net/context"
	"google.golang.org/grpc"

	"headwater/pluginv2"
)

// request calls `Method` ("/pluginv2.Data/QueryData") unless `Command` is ping, exited or stop. CancelAfterMS
// or, for a stream, CancelAfterMessages end the call from this side.
type request struct {
	Command             string
	Method              string
	Message             json.RawMessage
	CancelAfterMS       int
	CancelAfterMessages int
}

// reply is one message of an answer; the last reply to a request has End.
type reply struct {
	End     bool        `json:"end"`
	Message interface{} `json:"message,omitempty"`
	Code    string      `json:"code,omitempty"`
	Error   string      `json:"error,omitempty"`
	Seconds float64     `json:"seconds"`
}

func main() {
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd:              exec.Command(os.Args[1], os.Args[2:]...),
		HandshakeConfig:  pluginv2.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{pluginv2.ProtocolVersion: {"any": connection{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		StartTimeout:     time.Minute,
		Logger:           hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Trace, JSONFormat: true}),
	})
	defer client.Kill()
	out := json.NewEncoder(os.Stdout)
	begun := time.Now()
	protocol, conn, err := connect(client)
	out.Encode(ended(err, begun))
	if err != nil {
		client.Kill()
		os.Exit(1)
	}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		begun = time.Now()
		if err := json.Unmarshal(line, &asked); err != nil {
			out.Encode(ended(err, begun))
			continue
		}
		switch asked.Command {
		case "ping":
			err = protocol.Ping()
		case "exited":
			out.Encode(reply{Message: client.Exited()})
		case "stop":
			client.Kill()
		default:
			err = call(conn, asked, func(message interface{}) {
				out.Encode(reply{Message: message, Seconds: time.Since(begun).Seconds()})
			})
		}
		out.Encode(ended(err, begun))
	}
}

func connect(client *plugin.Client) (plugin.ClientProtocol, *grpc.ClientConn, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, nil, err
	}
	conn, err := protocol.Dispense("any")
	if err != nil {
		return nil, nil, err
	}
	return protocol, conn.(*grpc.ClientConn), nil
}

func ended(err error, begun time.Time) reply {
	last := reply{End: true, Seconds: time.Since(begun).Seconds()}
	if err != nil {
		last.Code, last.Error = grpc.Code(err).String(), grpc.ErrorDesc(err)
	}
	return last
}

func call(conn *grpc.ClientConn, asked request, each func(interface{})) error {
	message, answer := messages(asked.Method)
	if err := json.Unmarshal(asked.Message, message); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if asked.CancelAfterMS > 0 {
		timer := time.AfterFunc(time.Duration(asked.CancelAfterMS)*time.Millisecond, cancel)
		defer timer.Stop()
	}
	if !streams[asked.Method] {
		received := answer()
		err := conn.Invoke(ctx, asked.Method, message, received)
		if err == nil {
			each(received)
		}
		return err
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, asked.Method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(message); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for count := 1; ; count++ {
		received := answer()
		if err := stream.RecvMsg(received); err != nil {
			if err.Error() == "EOF" {
				return nil
			}
			return err
		}
		if asked.CancelAfterMessages == 0 || count <= asked.CancelAfterMessages {
			each(received)
		}
		if count == asked.CancelAfterMessages {
			cancel()
		}
	}
}

var streams = map[string]bool{
	"/pluginv2.Data/QueryChunkedData": true,
	"/pluginv2.Resource/CallResource": true,
	"/pluginv2.Stream/RunStream":      true,
}

// messages are an empty request of `method`, and what makes an empty answer.
func messages(method string) (interface{}, func() interface{}) {
	switch method[strings.LastIndex(method, "/")+1:] {
	case "QueryData":
		return &pluginv2.QueryDataRequest{}, func() interface{} { return &pluginv2.QueryDataResponse{} }
	case "QueryChunkedData":
		return &pluginv2.QueryDataRequest{}, func() interface{} { return &pluginv2.QueryChunkedDataResponse{} }
	case "CallResource":
		return &pluginv2.CallResourceRequest{}, func() interface{} { return &pluginv2.CallResourceResponse{} }
	case "CheckHealth":
		return &pluginv2.CheckHealthRequest{}, func() interface{} { return &pluginv2.CheckHealthResponse{} }
	case "CollectMetrics":
		return &pluginv2.CollectMetricsRequest{}, func() interface{} { return &pluginv2.CollectMetricsResponse{} }
	case "RunStream":
		return &pluginv2.StreamRequest{}, func() interface{} { return &pluginv2.StreamPacket{} }
	default:
		return &pluginv2.StreamRequest{}, func() interface{} { return &pluginv2.StreamResponse{} }
	}
}

// connection gives the caller the connection itself: the host knows the methods by name.
type connection struct{ plugin.NetRPCUnsupportedPlugin }

func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (interface{}, error) {
	return conn, nil
}
