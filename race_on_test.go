//go:build race

package ehlo_test

// raceDetector says that the tests run under it: sync.Pool then forgets, and
// stacks are larger, so that a session holds more.
const raceDetector = true
