package measure

import "runtime"

// InUse returns the octets of heap and stack that are in use, after the collector
// has run as often as a stack that has grown needs to be halved again.
func InUse() float64 {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
