package pluginv2

import (
	"golang.org/x/net/context"
	"google.golang.org/grpc"
)

// Source is what a data-source plugin answers.
type Source interface {
	CheckHealth(context.Context, *CheckHealthRequest) (*CheckHealthResponse, error)
	CollectMetrics(context.Context, *CollectMetricsRequest) (*CollectMetricsResponse, error)
	QueryData(context.Context, *QueryDataRequest) (*QueryDataResponse, error)
	QueryChunkedData(*QueryDataRequest, grpc.ServerStream) error
	CallResource(*CallResourceRequest, grpc.ServerStream) error
	SubscribeStream(context.Context, *StreamRequest) (*StreamResponse, error)
	RunStream(*StreamRequest, grpc.ServerStream) error
	PublishStream(context.Context, *StreamRequest) (*StreamResponse, error)
}

// Services of the protocol, each implemented by a Source.
var Services = []*grpc.ServiceDesc{
	service("Diagnostics", []grpc.MethodDesc{
		method("CheckHealth", func(source Source, ctx context.Context, read func(interface{}) error) (interface{}, error) {
			request := &CheckHealthRequest{}
			if err := read(request); err != nil {
				return nil, err
			}
			return source.CheckHealth(ctx, request)
		}),
		method("CollectMetrics", func(source Source, ctx context.Context, read func(interface{}) error) (interface{}, error) {
			request := &CollectMetricsRequest{}
			if err := read(request); err != nil {
				return nil, err
			}
			return source.CollectMetrics(ctx, request)
		}),
	}, nil),
	service("Data", []grpc.MethodDesc{
		method("QueryData", func(source Source, ctx context.Context, read func(interface{}) error) (interface{}, error) {
			request := &QueryDataRequest{}
			if err := read(request); err != nil {
				return nil, err
			}
			return source.QueryData(ctx, request)
		}),
	}, []grpc.StreamDesc{
		stream("QueryChunkedData", func(source Source, out grpc.ServerStream) error {
			request := &QueryDataRequest{}
			if err := out.RecvMsg(request); err != nil {
				return err
			}
			return source.QueryChunkedData(request, out)
		}),
	}),
	service("Resource", nil, []grpc.StreamDesc{
		stream("CallResource", func(source Source, out grpc.ServerStream) error {
			request := &CallResourceRequest{}
			if err := out.RecvMsg(request); err != nil {
				return err
			}
			return source.CallResource(request, out)
		}),
	}),
	service("Stream", []grpc.MethodDesc{
		method("SubscribeStream", func(source Source, ctx context.Context, read func(interface{}) error) (interface{}, error) {
			request := &StreamRequest{}
			if err := read(request); err != nil {
				return nil, err
			}
			return source.SubscribeStream(ctx, request)
		}),
		method("PublishStream", func(source Source, ctx context.Context, read func(interface{}) error) (interface{}, error) {
			request := &StreamRequest{}
			if err := read(request); err != nil {
				return nil, err
			}
			return source.PublishStream(ctx, request)
		}),
	}, []grpc.StreamDesc{
		stream("RunStream", func(source Source, out grpc.ServerStream) error {
			request := &StreamRequest{}
			if err := out.RecvMsg(request); err != nil {
				return err
			}
			return source.RunStream(request, out)
		}),
	}),
}

func service(name string, methods []grpc.MethodDesc, streams []grpc.StreamDesc) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "pluginv2." + name,
		HandlerType: (*Source)(nil),
		Methods:     methods,
		Streams:     streams,
	}
}

func method(name string, answer func(Source, context.Context, func(interface{}) error) (interface{}, error)) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(source interface{}, ctx context.Context, read func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
			return answer(source.(Source), ctx, read)
		},
	}
}

func stream(name string, answer func(Source, grpc.ServerStream) error) grpc.StreamDesc {
	return grpc.StreamDesc{
		StreamName:    name,
		ServerStreams: true,
		Handler: func(source interface{}, out grpc.ServerStream) error {
			return answer(source.(Source), out)
		},
	}
}
