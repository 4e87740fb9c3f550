// Filters the AWS provider: it hides the types of most services from Terraform.
//
// Terraform reads the whole schema of the provider for every command. Its 1,500 types cost three seconds
// of processor time. The project uses the types of the services in services.txt. Every call goes to the
// real provider, unchanged, but for one that repeats. Only the response with the schema changes.
//
// The real provider only starts when a call needs it: a mocked one never does.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // Registers the codec that ours falls back to.
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	address      = "registry.terraform.io/hashicorp/aws"
	schemaMethod = "/tfplugin5.Provider/GetSchema"
	checkMethod  = "/tfplugin5.Provider/PrepareProviderConfig"
	// As Terraform and the provider's libraries have it.
	largestMessage = 256 << 20
)

//go:embed services.txt
var services string

// The provider's log goes to Terraform as the provider wrote it. go-plugin changes os.Stderr later.
var stderr = os.Stderr

// https://github.com/hashicorp/terraform/blob/v1.11.4/internal/plugin/serve.go
var handshake = plugin.HandshakeConfig{
	ProtocolVersion:  5,
	MagicCookieKey:   "TF_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
}

// frame is a message as it came. The connection and go-plugin's own services have the usual codec.
type frame struct{ content []byte }

type codec struct{ encoding.CodecV2 }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if one, ok := v.(*frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(one.content)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if one, ok := v.(*frame); ok {
		one.content = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// provider is the real provider, which starts with the first call.
type provider struct {
	folder string
	lock   sync.Mutex
	client *plugin.Client
	conn   *grpc.ClientConn
	// The responses to checkMethod, by request.
	checked sync.Map
}

func (p *provider) started() (*grpc.ClientConn, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.conn != nil {
		return p.conn, nil
	}
	binary, err := p.binary()
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary)
	endWithParent(command)
	p.client = plugin.NewClient(&plugin.ClientConfig{
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		Cmd:              command,
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage)),
		},
		HandshakeConfig:  handshake,
		Logger:           hclog.NewNullLogger(),
		Managed:          true,
		Plugins:          plugin.PluginSet{},
		Stderr:           stderr,
		VersionedPlugins: map[int]plugin.PluginSet{5: {}},
	})
	connected, err := p.client.Client()
	if err != nil {
		return nil, err
	}
	p.conn = connected.(*plugin.GRPCClient).Conn
	return p.conn, nil
}

func (p *provider) stop() {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.client != nil {
		p.client.Kill()
	}
}

func (p *provider) binary() (string, error) {
	found, err := filepath.Glob(filepath.Join(p.folder, "terraform-provider-aws_*"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s must have one AWS provider, found %v: run `make setup`", p.folder, found)
	}
	return found[0], nil
}

// forward is the handler of every call. All calls of this protocol have one request and one response.
func (p *provider) forward(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var request, response frame
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if method == schemaMethod {
		content, err := p.schema(stream.Context(), request)
		if err != nil {
			return status.Error(codes.Internal, err.Error())
		}
		return stream.SendMsg(&frame{content})
	}
	call := p.call
	if method == checkMethod {
		call = p.check
	}
	if err := call(stream.Context(), method, &request, &response); err != nil {
		return err
	}
	return stream.SendMsg(&response)
}

// check answers a repeated check itself. Terraform checks the provider's configuration up to three times per command, and
// the provider then validates its own 1,500 types, too, whatever the request: a third of a second.
// https://github.com/hashicorp/terraform-plugin-sdk/blob/v2.37.0/helper/schema/provider.go
func (p *provider) check(ctx context.Context, method string, request, response *frame) error {
	key := string(request.content)
	if found, ok := p.checked.Load(key); ok {
		response.content = found.([]byte)
		return nil
	}
	err := p.call(ctx, method, request, response)
	if err == nil {
		p.checked.Store(key, response.content)
	}
	return err
}

func (p *provider) call(ctx context.Context, method string, request, response *frame) error {
	conn, err := p.started()
	if err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	return conn.Invoke(ctx, method, request, response, grpc.ForceCodecV2(usual))
}

// schema returns the schema without the hidden types. The real provider is asked once per set-up.
func (p *provider) schema(ctx context.Context, request frame) ([]byte, error) {
	path := filepath.Join(p.folder, "..", "schema")
	if content, err := os.ReadFile(path); err == nil {
		return content, nil
	}
	var whole frame
	if err := p.call(ctx, schemaMethod, &request, &whole); err != nil {
		return nil, err
	}
	content, err := visible(whole.content)
	if err != nil {
		return nil, err
	}
	return content, write(path, content)
}

// write replaces the file at once, because several processes may write it.
func write(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "schema-")
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// visible leaves hidden types out of a response. Its maps have the type's name as key.
// https://github.com/hashicorp/terraform/blob/v1.11.4/docs/plugin-protocol/tfplugin5.8.proto
func visible(response []byte) ([]byte, error) {
	names := map[string]bool{}
	for _, line := range strings.Fields(services) {
		names[line] = true
	}
	// resource_schemas, data_source_schemas and ephemeral_resource_schemas.
	maps := map[protowire.Number]bool{2: true, 3: true, 8: true}
	var kept []byte
	for len(response) > 0 {
		number, kind, head := protowire.ConsumeTag(response)
		if head < 0 {
			return nil, protowire.ParseError(head)
		}
		length := protowire.ConsumeFieldValue(number, kind, response[head:])
		if length < 0 {
			return nil, protowire.ParseError(length)
		}
		field, value := response[:head+length], response[head:head+length]
		response = response[head+length:]
		if maps[number] {
			entry, _ := protowire.ConsumeBytes(value)
			_, _, tag := protowire.ConsumeTag(entry)
			key, _ := protowire.ConsumeString(entry[tag:])
			if parts := strings.Split(key, "_"); len(parts) > 1 && !names[parts[1]] {
				continue
			}
		}
		kept = append(kept, field...)
	}
	return kept, nil
}

var usual = codec{encoding.GetCodecV2("proto")}

// service is what go-plugin asks for; the calls reach the handler of unknown methods.
type service struct{ plugin.NetRPCUnsupportedPlugin }

func (service) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

func (service) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func main() {
	debug := flag.Bool("debug", false, "print the variable by which Terraform commands share this process")
	flag.Parse()
	own, err := os.Executable()
	if err != nil {
		panic(err)
	}
	real := &provider{folder: filepath.Join(filepath.Dir(own), "..", "whole")}
	defer real.stop()
	config := &plugin.ServeConfig{
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options,
				grpc.ForceServerCodecV2(usual),
				grpc.MaxRecvMsgSize(largestMessage),
				grpc.UnknownServiceHandler(real.forward),
			)...)
		},
		HandshakeConfig:  handshake,
		Logger:           hclog.NewNullLogger(),
		VersionedPlugins: map[int]plugin.PluginSet{5: {"provider": service{}}},
	}
	if *debug {
		serveShared(config)
	} else {
		plugin.Serve(config)
	}
}

// serveShared serves until a signal, and prints how Terraform connects.
// https://developer.hashicorp.com/terraform/plugin/debugging
func serveShared(config *plugin.ServeConfig) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, terminate)
	defer cancel()
	ready, closed := make(chan *plugin.ReattachConfig), make(chan struct{})
	config.Test = &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: ready, CloseCh: closed}
	go plugin.Serve(config)
	found := <-ready
	connect := map[string]any{
		address: map[string]any{
			"Protocol":        "grpc",
			"ProtocolVersion": 5,
			"Pid":             found.Pid,
			"Test":            true,
			"Addr":            map[string]string{"Network": found.Addr.Network(), "String": found.Addr.String()},
		},
	}
	text, err := json.Marshal(connect)
	if err != nil {
		panic(err)
	}
	fmt.Printf("\tTF_REATTACH_PROVIDERS='%s'\n", text)
	<-closed
}
