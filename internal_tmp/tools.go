package tmp
import (
 _ "github.com/ipfs/kubo/cmd/ipfs/kubo"
 _ "github.com/ipfs/kubo/client/rpc"
 _ "github.com/bytecodealliance/wasmtime-go/v44"
 _ "github.com/spf13/cobra"
 _ "github.com/Masterminds/semver/v3"
 _ "github.com/fxamacker/cbor/v2"
 _ "github.com/santhosh-tekuri/jsonschema/v6"
 _ "github.com/libp2p/go-libp2p"
 _ "github.com/libp2p/go-libp2p-kad-dht"
 _ "github.com/rogpeppe/go-internal/testscript"
)
