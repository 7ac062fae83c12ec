// Verifies X.509-SVIDs with go-spiffe: go-spiffe roots.pem chain.pem...
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
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
	id, err := x509svid.IDFromCert(chain[0])
	if err != nil {
		return "", err
	}
	bundle := x509bundle.FromX509Authorities(spiffeid.RequireTrustDomainFromString(id.TrustDomain().Name()), roots)
	if _, _, err := x509svid.Verify(chain, bundle); err != nil {
		return "", err
	}
	return id.String(), nil
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
