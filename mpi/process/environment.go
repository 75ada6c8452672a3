package process

import "time"

// MPI_Wtime and MPI_Wtick (MPI 5.0, 9.6).
func wtime(c *call) error {
	c.returnsDouble(time.Since(c.cfg.Start).Seconds())
	return nil
}

func initialize(c *call) error {
	c.state = running
	return nil
}

var environmentFunctions = family{
	"Init":  {do: initialize, anytime: true},
	"Wtime": {do: wtime, anytime: true},
}
