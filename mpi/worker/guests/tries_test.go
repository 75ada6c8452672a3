package guests

func tries(mode string, cfg *Config) {}
func limit(n int64) int64            { return n }
