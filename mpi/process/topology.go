package process

// topology is what a communicator knows of who is next to whom (MPI 5.0, chapter 8).
type topology interface {
	bytes() int64
}

var topologyFunctions = family{}
