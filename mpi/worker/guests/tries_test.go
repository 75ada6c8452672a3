package guests

import "github.com/ipfs-mpi/ipfs-mpi/mpi/worker/lockdown"

func tries(mode string, cfg *Config) {
	if mode == "unlocked" {
		cfg.Lock = func(lockdown.Config) (lockdown.Report, error) { return lockdown.Report{}, nil }
	}
}
func limit(n int64) int64 { return n }
