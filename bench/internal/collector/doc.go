// Package collector asks what very many sessions cost Go's garbage collector and
// its scheduler: sessions in memory rest, some send, and for each setting of GOGC
// and GOMEMLIMIT the collector's share of the CPU, its pauses and the wait of
// goroutines for a processor are read from runtime/metrics.
package collector
