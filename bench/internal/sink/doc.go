// Package sink is the server of all measurements: it takes every message, keeps
// none, and counts. It runs in a process of its own, which is the program that
// measures, started once more, so that its work is not counted as the clients'.
//
// It does as little as it can and answers as a server with PIPELINING and
// CHUNKING does: whatever has come is answered by one write.
package sink
