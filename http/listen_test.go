package http

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
)

// An address of IPv4 is listened on by IPv4 alone, all of them too.
func TestListensOnIPv4(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", "127.0.0.1:0"} {
		s := New(newFake(t), Config{Listen: listen, Token: "t"})
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		defer s.Close(context.Background())
		addr := s.NetAddr().(*net.TCPAddr)
		if addr.IP.To4() == nil || !strings.HasPrefix(s.Addr(), "http://127.0.0.1:") {
			t.Errorf("%s: it listens on %v, and is called %s", listen, addr, s.Addr())
		}
		if c, err := net.Dial("tcp", fmt.Sprintf("[::1]:%d", addr.Port)); err == nil {
			c.Close()
			t.Errorf("%s: it answers on IPv6", listen)
		}
	}
}
