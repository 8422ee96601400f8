package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/context"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"headwater/pluginv2"
)

// query is what the data source understands. Do is series, arrow, fail, echo, wait, exit, segfault or huge.
type query struct {
	Do      string `json:"do"`
	Rows    int    `json:"rows"`
	Chunks  int    `json:"chunks"`
	Bytes   int    `json:"bytes"`
	Arrow   []byte `json:"arrow"` // the file that it answers
	Message string `json:"message"`
	Status  int32  `json:"status"`
	Source  string `json:"source"`
	File    string `json:"file"` // written when the call is canceled
}

// source has no state: what it knows comes with each request.
type source struct{}

func (source) CheckHealth(_ context.Context, request *pluginv2.CheckHealthRequest) (*pluginv2.CheckHealthResponse, error) {
	settings := request.PluginContext.DataSourceInstanceSettings
	if settings.URL == "bad" {
		return &pluginv2.CheckHealthResponse{Status: 2, Message: "The URL is bad", JSONDetails: []byte(`{"url":"bad"}`)}, nil
	}
	details, err := json.Marshal(seen(request.PluginContext))
	return &pluginv2.CheckHealthResponse{Status: 1, Message: "Go is well", JSONDetails: details}, err
}

func (source) CollectMetrics(context.Context, *pluginv2.CollectMetricsRequest) (*pluginv2.CollectMetricsResponse, error) {
	text := "# TYPE go_plugin_answers_total counter\ngo_plugin_answers_total 3\n"
	return &pluginv2.CollectMetricsResponse{Metrics: &pluginv2.Payload{Prometheus: []byte(text)}}, nil
}

func (source) QueryData(ctx context.Context, request *pluginv2.QueryDataRequest) (*pluginv2.QueryDataResponse, error) {
	responses := map[string]*pluginv2.DataResponse{}
	for _, each := range request.Queries {
		response, err := answer(ctx, request, each)
		if err != nil {
			return nil, err
		}
		responses[each.RefID] = response
	}
	return &pluginv2.QueryDataResponse{Responses: responses}, nil
}

func answer(ctx context.Context, request *pluginv2.QueryDataRequest, asked *pluginv2.DataQuery) (*pluginv2.DataResponse, error) {
	var wanted query
	if err := json.Unmarshal(asked.JSON, &wanted); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	logger.Debug("Go plugin answers", "refId", asked.RefID, "do", wanted.Do)
	switch wanted.Do {
	case "arrow":
		return &pluginv2.DataResponse{Frames: [][]byte{wanted.Arrow}, Status: 200, Format: pluginv2.Arrow}, nil
	case "fail":
		return &pluginv2.DataResponse{Error: wanted.Message, Status: wanted.Status, ErrorSource: wanted.Source}, nil
	case "echo":
		text, err := json.Marshal(map[string]interface{}{"context": seen(request.PluginContext), "headers": request.Headers, "query": asked})
		return inJSON(map[string]interface{}{"schema": schema("echo", "text", "string", "string"), "data": map[string]interface{}{"values": [][]string{{string(text)}}}}, err)
	case "wait":
		return nil, wait(ctx, wanted.File)
	case "exit":
		os.Exit(7)
	case "segfault":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Minute)
	case "huge":
		return inJSON(map[string]interface{}{"schema": schema("huge", "text", "string", "string"), "data": map[string]interface{}{"values": [][]string{{strings.Repeat("x", wanted.Bytes)}}}}, nil)
	}
	return inJSON(map[string]interface{}{"schema": schema("series", "value", "number", "int64"), "data": values(0, wanted.Rows)}, nil)
}

func (source) QueryChunkedData(request *pluginv2.QueryDataRequest, out grpc.ServerStream) error {
	for _, each := range request.Queries {
		var wanted query
		if err := json.Unmarshal(each.JSON, &wanted); err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		if wanted.Do != "series" {
			response, err := answer(out.Context(), request, each)
			if err != nil {
				return err
			}
			chunk := &pluginv2.QueryChunkedDataResponse{RefID: each.RefID, FrameID: "0", Format: response.Format,
				Error: response.Error, Status: response.Status, ErrorSource: response.ErrorSource}
			if len(response.Frames) > 0 {
				chunk.Frame = response.Frames[0]
			}
			if err := out.SendMsg(chunk); err != nil {
				return err
			}
			continue
		}
		if err := series(each.RefID, wanted, out); err != nil {
			return err
		}
	}
	return nil
}

// series sends the schema with the first chunk only, as Grafana's chunks are.
func series(refID string, wanted query, out grpc.ServerStream) error {
	for chunk := 0; chunk < wanted.Chunks || chunk == 0; chunk++ {
		frame := map[string]interface{}{"data": values(chunk*wanted.Rows, wanted.Rows)}
		if chunk == 0 {
			frame["schema"] = schema("series", "value", "number", "int64")
		}
		text, err := json.Marshal(frame)
		if err != nil {
			return err
		}
		message := &pluginv2.QueryChunkedDataResponse{RefID: refID, FrameID: "0", Frame: text, Status: 200, Format: pluginv2.JSON}
		if err := out.SendMsg(message); err != nil {
			if wanted.File != "" {
				os.WriteFile(wanted.File, []byte("canceled"), 0o600)
			}
			return err
		}
	}
	return nil
}

func (source) CallResource(request *pluginv2.CallResourceRequest, out grpc.ServerStream) error {
	switch request.Path {
	case "three":
		for part := 1; part <= 3; part++ {
			response := &pluginv2.CallResourceResponse{Body: []byte(fmt.Sprintf("part %d;", part))}
			if part == 1 {
				response.Code, response.Headers = 200, header("Content-Type", "text/plain")
			}
			if err := out.SendMsg(response); err != nil {
				return err
			}
		}
		return nil
	case "nothing":
		return status.Error(codes.NotFound, "there is nothing")
	}
	body, err := json.Marshal(map[string]interface{}{"path": request.Path, "method": request.Method, "url": request.URL,
		"headers": request.Headers, "body": string(request.Body), "context": seen(request.PluginContext)})
	if err != nil {
		return err
	}
	return out.SendMsg(&pluginv2.CallResourceResponse{Code: 201, Headers: header("Content-Type", "application/json"), Body: body})
}

func (source) SubscribeStream(_ context.Context, request *pluginv2.StreamRequest) (*pluginv2.StreamResponse, error) {
	if request.Path == "none" {
		return &pluginv2.StreamResponse{Status: 1}, nil
	}
	return &pluginv2.StreamResponse{}, nil
}

func (source) RunStream(request *pluginv2.StreamRequest, out grpc.ServerStream) error {
	for number := 0; ; number++ {
		if err := out.SendMsg(&pluginv2.StreamPacket{Data: []byte(fmt.Sprintf(`{"packet":%d}`, number))}); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (source) PublishStream(context.Context, *pluginv2.StreamRequest) (*pluginv2.StreamResponse, error) {
	return &pluginv2.StreamResponse{Status: 2}, nil
}

// seen is what the host told of the data source. Of secrets only their lengths.
func seen(told *pluginv2.PluginContext) map[string]interface{} {
	settings := told.DataSourceInstanceSettings
	secrets := map[string]int{}
	for key, value := range settings.DecryptedSecureJSONData {
		secrets[key] = len(value)
	}
	return map[string]interface{}{"orgId": told.OrgID, "pluginId": told.PluginID, "user": told.User, "config": told.GrafanaConfig,
		"uid": settings.UID, "name": settings.Name, "url": settings.URL, "database": settings.Database,
		"dataSourceUser": settings.User, "jsonData": json.RawMessage(settings.JSONData), "secrets": secrets,
		"updated": settings.LastUpdatedMS}
}

// wait ends when the host cancels the call, and leaves a file for the test.
func wait(ctx context.Context, file string) error {
	logger.Info("Go plugin waits")
	<-ctx.Done()
	if file != "" {
		os.WriteFile(file, []byte("canceled"), 0o600)
	}
	return ctx.Err()
}

func inJSON(frame interface{}, err error) (*pluginv2.DataResponse, error) {
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(frame)
	return &pluginv2.DataResponse{Frames: [][]byte{text}, Status: 200, Format: pluginv2.JSON}, err
}

func schema(name, field, kind, frame string) interface{} {
	return map[string]interface{}{"name": name, "fields": []interface{}{
		map[string]interface{}{"name": field, "type": kind, "typeInfo": map[string]string{"frame": frame}},
	}}
}

func values(first, count int) interface{} {
	numbers := make([]int, count)
	for i := range numbers {
		numbers[i] = first + i
	}
	return map[string]interface{}{"values": [][]int{numbers}}
}

func header(name, value string) map[string]*pluginv2.StringList {
	return map[string]*pluginv2.StringList{name: {Values: []string{value}}}
}
