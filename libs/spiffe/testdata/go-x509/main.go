// Verifies certificates with Go's crypto/x509 for servers and for clients: go-x509 roots.pem chain.pem...
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	roots := certificates(os.Args[1])
	failed := false
	for _, file := range os.Args[2:] {
		id, err := verify(certificates(file), roots)
		if err != nil {
			failed = true
			fmt.Printf("%s: %v\n", file, err)
			continue
		}
		fmt.Printf("%s: OK %s\n", file, id)
	}
	if failed {
		os.Exit(1)
	}
}

func verify(chain, roots []*x509.Certificate) (string, error) {
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{usage}}
		for _, root := range roots {
			options.Roots.AddCert(root)
		}
		for _, certificate := range chain[1:] {
			options.Intermediates.AddCert(certificate)
		}
		if _, err := chain[0].Verify(options); err != nil {
			return "", err
		}
	}
	return chain[0].URIs[0].String(), nil
}

func certificates(file string) []*x509.Certificate {
	rest, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(fmt.Errorf("%s: %w", file, err))
		}
		all = append(all, certificate)
	}
}
