package main

import (
	"os"
	"testing"

	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

func TestMain(m *testing.M) {
	sink.Main() // does not return in the process of the sink
	os.Exit(m.Run())
}
