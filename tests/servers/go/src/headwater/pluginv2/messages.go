// Package pluginv2 has the messages of Grafana's plugin protocol, by their field numbers. No generated code is
// needed: the protobuf library reads the struct tags.
package pluginv2

// XXX_NoUnkeyedLiteral makes a struct a message. The protobuf library knows this name and leaves the field out.
// Each message is read into a new one, so Reset has nothing to do.
type XXX_NoUnkeyedLiteral struct{}

func (*XXX_NoUnkeyedLiteral) Reset()         {}
func (*XXX_NoUnkeyedLiteral) String() string { return "a message" }
func (*XXX_NoUnkeyedLiteral) ProtoMessage()  {}

// DataFrameFormat of a request and of an answer.
const (
	Arrow int32 = 0
	JSON  int32 = 1
)

type User struct {
	XXX_NoUnkeyedLiteral
	Login string `protobuf:"bytes,1,opt,name=login,proto3" json:"login"`
	Name  string `protobuf:"bytes,2,opt,name=name,proto3" json:"name"`
	Email string `protobuf:"bytes,3,opt,name=email,proto3" json:"email"`
	Role  string `protobuf:"bytes,4,opt,name=role,proto3" json:"role"`
}

type DataSourceInstanceSettings struct {
	XXX_NoUnkeyedLiteral
	ID                      int64             `protobuf:"varint,1,opt,name=id,proto3" json:"id"`
	Name                    string            `protobuf:"bytes,2,opt,name=name,proto3" json:"name"`
	URL                     string            `protobuf:"bytes,3,opt,name=url,proto3" json:"url"`
	User                    string            `protobuf:"bytes,4,opt,name=user,proto3" json:"user"`
	Database                string            `protobuf:"bytes,5,opt,name=database,proto3" json:"database"`
	BasicAuthEnabled        bool              `protobuf:"varint,6,opt,name=basicAuthEnabled,proto3" json:"basicAuthEnabled"`
	BasicAuthUser           string            `protobuf:"bytes,7,opt,name=basicAuthUser,proto3" json:"basicAuthUser"`
	JSONData                []byte            `protobuf:"bytes,8,opt,name=jsonData,proto3" json:"jsonData"`
	DecryptedSecureJSONData map[string]string `protobuf:"bytes,9,rep,name=decryptedSecureJsonData,proto3" json:"decryptedSecureJsonData" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	LastUpdatedMS           int64             `protobuf:"varint,10,opt,name=lastUpdatedMS,proto3" json:"lastUpdatedMS"`
	UID                     string            `protobuf:"bytes,11,opt,name=uid,proto3" json:"uid"`
	APIVersion              string            `protobuf:"bytes,12,opt,name=apiVersion,proto3" json:"apiVersion"`
}

type PluginContext struct {
	XXX_NoUnkeyedLiteral
	OrgID                      int64                       `protobuf:"varint,1,opt,name=orgId,proto3" json:"orgId"`
	PluginID                   string                      `protobuf:"bytes,2,opt,name=pluginId,proto3" json:"pluginId"`
	User                       *User                       `protobuf:"bytes,3,opt,name=user,proto3" json:"user"`
	DataSourceInstanceSettings *DataSourceInstanceSettings `protobuf:"bytes,5,opt,name=dataSourceInstanceSettings,proto3" json:"dataSourceInstanceSettings"`
	GrafanaConfig              map[string]string           `protobuf:"bytes,6,rep,name=grafanaConfig,proto3" json:"grafanaConfig" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	PluginVersion              string                      `protobuf:"bytes,7,opt,name=pluginVersion,proto3" json:"pluginVersion"`
	UserAgent                  string                      `protobuf:"bytes,8,opt,name=userAgent,proto3" json:"userAgent"`
	APIVersion                 string                      `protobuf:"bytes,9,opt,name=apiVersion,proto3" json:"apiVersion"`
	Namespace                  string                      `protobuf:"bytes,10,opt,name=namespace,proto3" json:"namespace"`
}

type TimeRange struct {
	XXX_NoUnkeyedLiteral
	FromEpochMS int64 `protobuf:"varint,1,opt,name=fromEpochMS,proto3" json:"fromEpochMS"`
	ToEpochMS   int64 `protobuf:"varint,2,opt,name=toEpochMS,proto3" json:"toEpochMS"`
}

type DataQuery struct {
	XXX_NoUnkeyedLiteral
	RefID         string     `protobuf:"bytes,1,opt,name=refId,proto3" json:"refId"`
	MaxDataPoints int64      `protobuf:"varint,2,opt,name=maxDataPoints,proto3" json:"maxDataPoints"`
	IntervalMS    int64      `protobuf:"varint,3,opt,name=intervalMS,proto3" json:"intervalMS"`
	TimeRange     *TimeRange `protobuf:"bytes,4,opt,name=timeRange,proto3" json:"timeRange"`
	JSON          []byte     `protobuf:"bytes,5,opt,name=json,proto3" json:"json"`
	QueryType     string     `protobuf:"bytes,6,opt,name=queryType,proto3" json:"queryType"`
}

// QueryDataRequest has the same fields as QueryChunkedDataRequest.
type QueryDataRequest struct {
	XXX_NoUnkeyedLiteral
	PluginContext *PluginContext    `protobuf:"bytes,1,opt,name=pluginContext,proto3" json:"pluginContext"`
	Headers       map[string]string `protobuf:"bytes,2,rep,name=headers,proto3" json:"headers" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	Queries       []*DataQuery      `protobuf:"bytes,3,rep,name=queries,proto3" json:"queries"`
	Format        int32             `protobuf:"varint,4,opt,name=format,proto3" json:"format"`
}

type DataResponse struct {
	XXX_NoUnkeyedLiteral
	Frames      [][]byte `protobuf:"bytes,1,rep,name=frames,proto3" json:"frames"`
	Error       string   `protobuf:"bytes,2,opt,name=error,proto3" json:"error"`
	JSONMeta    []byte   `protobuf:"bytes,3,opt,name=jsonMeta,proto3" json:"jsonMeta"`
	Status      int32    `protobuf:"varint,4,opt,name=status,proto3" json:"status"`
	ErrorSource string   `protobuf:"bytes,5,opt,name=errorSource,proto3" json:"errorSource"`
	Format      int32    `protobuf:"varint,6,opt,name=format,proto3" json:"format"`
}

type QueryDataResponse struct {
	XXX_NoUnkeyedLiteral
	Responses map[string]*DataResponse `protobuf:"bytes,1,rep,name=responses,proto3" json:"responses" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
}

type QueryChunkedDataResponse struct {
	XXX_NoUnkeyedLiteral
	RefID       string `protobuf:"bytes,1,opt,name=refId,proto3" json:"refId"`
	FrameID     string `protobuf:"bytes,2,opt,name=frameId,proto3" json:"frameId"`
	Frame       []byte `protobuf:"bytes,3,opt,name=frame,proto3" json:"frame"`
	Error       string `protobuf:"bytes,4,opt,name=error,proto3" json:"error"`
	Status      int32  `protobuf:"varint,5,opt,name=status,proto3" json:"status"`
	ErrorSource string `protobuf:"bytes,6,opt,name=errorSource,proto3" json:"errorSource"`
	Format      int32  `protobuf:"varint,7,opt,name=format,proto3" json:"format"`
}

type StringList struct {
	XXX_NoUnkeyedLiteral
	Values []string `protobuf:"bytes,1,rep,name=values,proto3" json:"values"`
}

type CallResourceRequest struct {
	XXX_NoUnkeyedLiteral
	PluginContext *PluginContext         `protobuf:"bytes,1,opt,name=pluginContext,proto3" json:"pluginContext"`
	Path          string                 `protobuf:"bytes,2,opt,name=path,proto3" json:"path"`
	Method        string                 `protobuf:"bytes,3,opt,name=method,proto3" json:"method"`
	URL           string                 `protobuf:"bytes,4,opt,name=url,proto3" json:"url"`
	Headers       map[string]*StringList `protobuf:"bytes,5,rep,name=headers,proto3" json:"headers" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	Body          []byte                 `protobuf:"bytes,6,opt,name=body,proto3" json:"body"`
}

type CallResourceResponse struct {
	XXX_NoUnkeyedLiteral
	Code    int32                  `protobuf:"varint,1,opt,name=code,proto3" json:"code"`
	Headers map[string]*StringList `protobuf:"bytes,2,rep,name=headers,proto3" json:"headers" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	Body    []byte                 `protobuf:"bytes,3,opt,name=body,proto3" json:"body"`
}

type CheckHealthRequest struct {
	XXX_NoUnkeyedLiteral
	PluginContext *PluginContext    `protobuf:"bytes,1,opt,name=pluginContext,proto3" json:"pluginContext"`
	Headers       map[string]string `protobuf:"bytes,2,rep,name=headers,proto3" json:"headers" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
}

type CheckHealthResponse struct {
	XXX_NoUnkeyedLiteral
	Status      int32  `protobuf:"varint,1,opt,name=status,proto3" json:"status"`
	Message     string `protobuf:"bytes,2,opt,name=message,proto3" json:"message"`
	JSONDetails []byte `protobuf:"bytes,3,opt,name=jsonDetails,proto3" json:"jsonDetails"`
}

type CollectMetricsRequest struct {
	XXX_NoUnkeyedLiteral
	PluginContext *PluginContext `protobuf:"bytes,1,opt,name=pluginContext,proto3" json:"pluginContext"`
}

type Payload struct {
	XXX_NoUnkeyedLiteral
	Prometheus []byte `protobuf:"bytes,1,opt,name=prometheus,proto3" json:"prometheus"`
}

type CollectMetricsResponse struct {
	XXX_NoUnkeyedLiteral
	Metrics *Payload `protobuf:"bytes,1,opt,name=metrics,proto3" json:"metrics"`
}

// StreamRequest has the fields of SubscribeStreamRequest, RunStreamRequest and PublishStreamRequest.
type StreamRequest struct {
	XXX_NoUnkeyedLiteral
	PluginContext *PluginContext    `protobuf:"bytes,1,opt,name=pluginContext,proto3" json:"pluginContext"`
	Path          string            `protobuf:"bytes,2,opt,name=path,proto3" json:"path"`
	Data          []byte            `protobuf:"bytes,3,opt,name=data,proto3" json:"data"`
	Headers       map[string]string `protobuf:"bytes,4,rep,name=headers,proto3" json:"headers" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
}

// StreamResponse has the fields of SubscribeStreamResponse and PublishStreamResponse.
type StreamResponse struct {
	XXX_NoUnkeyedLiteral
	Status int32  `protobuf:"varint,1,opt,name=status,proto3" json:"status"`
	Data   []byte `protobuf:"bytes,2,opt,name=data,proto3" json:"data"`
}

type StreamPacket struct {
	XXX_NoUnkeyedLiteral
	Data []byte `protobuf:"bytes,1,opt,name=data,proto3" json:"data"`
}
