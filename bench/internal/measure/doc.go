// Package measure tells what a batch of work took of this process: CPU, time,
// allocations, memory. It runs batches of several in turns, round by round, and
// takes medians.
package measure
