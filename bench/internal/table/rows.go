package table

import (
	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/work"
)

// kB is 1,000 octets.
const kB = 1000

// Rows returns the table's rows and marks.
func Rows() []Row {
	return []Row{
		cpu("plain session, dial to QUIT", work.SessionPlain, Mark{Ratio, 1.25, 1.15}),
		limit("  raw with a session's guards", work.SessionPlain, "raw/guarded"),
		limit("  net/smtp with a session's guards", work.SessionPlain, "net/smtp/guarded"),
		cpu("STARTTLS session", work.SessionSTARTTLS, Mark{Ratio, 1.10, 0}),
		limit("  raw with a session's guards", work.SessionSTARTTLS, "raw/guarded"),
		limit("  net/smtp with a session's guards", work.SessionSTARTTLS, "net/smtp/guarded"),
		cpu("10 kB message, one flight", work.SmallFullPlain, Mark{Ratio, 1.4, 0}),
		limit("  raw with a session's guards", work.SmallFullPlain, "raw/guarded"),
		limit("  ehlo without a session", work.SmallFullPlain, "wire"),
		cpu("10 kB message, one flight, TLS", work.SmallFullTLS, Mark{Ratio, 1.5, 0}),
		limit("  raw with a session's guards", work.SmallFullTLS, "raw/guarded"),
		limit("  ehlo without a session", work.SmallFullTLS, "wire"),
		cpu("10 kB message, two flights", work.SmallPlain, Mark{Ratio, 1.5, 0}),
		limit("  raw with a session's guards", work.SmallPlain, "raw/guarded"),
		limit("  ehlo without a session", work.SmallPlain, "wire"),
		cpu("10 kB message, two flights, TLS", work.SmallTLS, Mark{Ratio, 1.5, 0}),
		limit("  raw with a session's guards", work.SmallTLS, "raw/guarded"),
		limit("  ehlo without a session", work.SmallTLS, "wire"),
		cpu("20 MB message, DATA, known", work.DataKnown, Mark{Ratio, 2.2, 0}),
		cpu("20 MB message, DATA, io.Reader", work.DataReader, Mark{Ratio, 2.7, 0}),
		limit("  raw with a reader of its caller's", work.DataReader, "raw/lent"),
		cpu("20 MB message, BDAT, Canonical", work.BdatCanonical, Mark{Ratio, 1.15, 0}),
		cpu("20 MB message, BDAT, known", work.BdatKnown, Mark{Ratio, 1.8, 0}),
		cpu("20 MB message, BDAT, io.Reader", work.BdatReader, Mark{Ratio, 2.2, 0}),
		limit("  raw in chunks of 256 kB", work.BdatReader, "raw/chunks"),
		limit("  raw with a reader of its caller's", work.BdatReader, "raw/lent"),
		turns("round trips of a message", work.DistantMessage, "", 2),
		turns("  Flight Full", work.DistantMessage, "ehlo/full", 1),
		turns("  CHUNKING alone", work.DistantMessage, "ehlo/chunking", 3),
		turns("  neither", work.DistantMessage, "ehlo/neither", 4),
		{Title: "message, 20 ms away", Unit: "ms", Work: work.DistantMessage, Metric: measure.Wall, Scale: 1000, Digits: 1, Base: "raw"},
		turns("round trips of STARTTLS to ready", work.DistantSession, "", 5),
		held("idle session, plain", work.IdlePlain, Mark{Most, 6, 4.5}),
		held("idle session, TLS", work.IdleTLS, Mark{Most, 12.5, 0}),
		{Title: "allocations of a message", Work: work.SmallPlain, Metric: measure.Allocs, Digits: 1, Mark: Mark{Most, 14, 0}},
		event("event, nobody listens", "nobody", measure.Elapsed, "ns", Mark{Most, 5, 0}),
		event("  allocations", "nobody", measure.Allocs, "", Mark{Most, 0, 0}),
		event("event, one subscriber", "subscriber", measure.Elapsed, "ns", Mark{Most, 200, 0}),
		event("  allocations", "subscriber", measure.Allocs, "", Mark{Most, 1, 0}),
		against("10 kB message, one subscriber", work.EventMessage, "subscriber", "nobody", Mark{}),
		{Title: "telemetry off: allocations", Work: work.Telemetry, Metric: measure.Allocs, Digits: 0, Ours: "off", Base: "none", Mark: Mark{Added, 0, 0}},
		against("telemetry: spans", work.Telemetry, "spans", "off", Mark{Ratio, 1.15, 0}),
		against("telemetry: spans, compact", work.Telemetry, "compact", "off", Mark{Ratio, 1.15, 0}),
		against("telemetry: metrics", work.Telemetry, "metrics", "off", Mark{Ratio, 1.15, 0}),
		against("telemetry: both", work.Telemetry, "both", "off", Mark{Ratio, 1.15, 0}),
		against("telemetry: spans through a batcher", work.Telemetry, "batched", "off", Mark{Ratio, 1.15, 0}),
	}
}

func cpu(title, of string, m Mark) Row {
	return Row{Title: title, Unit: "us", Work: of, Metric: measure.CPUTime, Digits: 1, Base: "raw", Mark: m, Cost: true}
}

// against compares two ways of ehlo.
func against(title, of, ours, base string, m Mark) Row {
	return Row{Title: title, Unit: "us", Work: of, Metric: measure.CPUTime, Digits: 1, Ours: ours, Base: base, Mark: m, Cost: true}
}

// limit is what raw takes under a condition that ehlo is under.
func limit(title, of, as string) Row {
	return Row{Title: title, Unit: "us", Work: of, Metric: measure.CPUTime, Digits: 1, Ours: as, Alone: true, Base: "raw"}
}

func turns(title, of, ours string, most float64) Row {
	return Row{Title: title, Work: of, Metric: measure.Turns, Digits: 1, Ours: ours, Alone: ours != "", Mark: Mark{Most, most, 0}}
}

func held(title, of string, m Mark) Row {
	return Row{Title: title, Unit: "kB", Work: of, Metric: measure.Held, Scale: kB, Digits: 1, Base: "raw", Mark: m}
}

func event(title, ours string, metric measure.Metric, unit string, m Mark) Row {
	return Row{Title: title, Unit: unit, Work: work.EventAlone, Metric: metric, Digits: 1, Ours: ours, Mark: m}
}
