// Package coll is collective operations (MPI 5.0, chapter 6) as schedules of point-to-point messages between ranks.
package coll
