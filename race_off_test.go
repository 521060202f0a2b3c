//go:build !race

package ehlo_test

const raceDetector = false
