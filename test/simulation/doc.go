// Package simulation holds tests of many nodes in one process, on the virtual time of package
// testing/synctest. Nodes, their sessions and the accounting of messages are the real ones. The
// network is that of package simnet, whose faults a seed chooses. Programs are Go functions, since
// an engine cannot run within a test's bubble.
//
// A failing seed is run again, alone and with the log of its nodes, by
//
//	go test ./test/simulation -run TestMessages -seed 17 -seeds 1 -v
//
// A run of other seeds, or of more, is
//
//	go test ./test/simulation -run TestMessages -seed 100000 -seeds 1000000 -timeout 0
package simulation
