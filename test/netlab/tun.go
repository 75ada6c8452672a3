//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Every node's interface has this name.
const device = "lab"

// openTUN makes the interface of this thread's network namespace, and returns the other end, which
// reads and writes one IP packet at a time.
func openTUN(mtu int) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	if err := setUp(fd, mtu); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("making a TUN device: %w", err)
	}
	// Only now can it be polled.
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

func setUp(fd, mtu int) error {
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return err
	}
	// No IPv6: nothing carries it. Where the kernel has none, there is nothing to turn off.
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
	return onInterfaces(func(socket int) error {
		ifr.SetUint32(uint32(mtu))
		if err := unix.IoctlIfreq(socket, unix.SIOCSIFMTU, ifr); err != nil {
			return err
		}
		for _, name := range []string{"lo", device} {
			ifr, err := unix.NewIfreq(name)
			if err != nil {
				return err
			}
			ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
			if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, ifr); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}

// setAddr replaces the interface's address, and with it the route to the others.
func setAddr(addr netip.Addr, bits int) error {
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	return onInterfaces(func(socket int) error {
		for _, set := range []struct {
			request uint
			value   netip.Addr
		}{
			{unix.SIOCSIFADDR, addr},
			{unix.SIOCSIFNETMASK, mask(bits)},
		} {
			if err := ifr.SetInet4Addr(set.value.AsSlice()); err != nil {
				return err
			}
			if err := unix.IoctlIfreq(socket, set.request, ifr); err != nil {
				return fmt.Errorf("setting the address %s/%d: %w", addr, bits, err)
			}
		}
		return nil
	})
}

func mask(bits int) netip.Addr {
	m := ^uint32(0) << (32 - bits)
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)})
}

// onInterfaces calls f with a socket of this thread's network namespace.
func onInterfaces(f func(socket int) error) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	return f(socket)
}
