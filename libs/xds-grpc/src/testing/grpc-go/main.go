// Calls one unary method with grpc-go: an HTTP/2 and gRPC client that shares no code with ours. Messages are bytes.
//
//	grpcgo <address> <roots.pem> <server name> <method> <calls> <bytes> <timeout> [gzip]
//
// Makes <calls> calls at once on one connection and prints one line for each: "<status> <length of the answer> <text>".
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

var _ encoding.Codec = rawCodec{}

func main() {
	args := os.Args[1:]
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(args[1])))
	transport := credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: args[2]})
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
	}
	if len(args) > 7 {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(args[7])))
	}
	client := must(grpc.NewClient(args[0], options...))
	defer client.Close()
	calls, size := must(strconv.Atoi(args[4])), must(strconv.Atoi(args[5]))
	timeout := must(time.ParseDuration(args[6]))
	var group sync.WaitGroup
	var lock sync.Mutex
	for range calls {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			request, answer := make([]byte, size), []byte(nil)
			err := client.Invoke(ctx, args[3], &request, &answer)
			lock.Lock()
			defer lock.Unlock()
			fmt.Printf("%s %d %s\n", status.Code(err), len(answer), status.Convert(err).Message())
		})
	}
	group.Wait()
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}
