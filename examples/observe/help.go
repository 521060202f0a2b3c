package main

// help is what -h prints.
const help = `observe: many SMTP sessions at work, to be watched with the tools you have

  go -C examples/observe run . [flags]

It starts a mail server of its own on 127.0.0.1, with STARTTLS, a login and
troubles, and runs sessions against it: each connects, logs in, sends a few
messages with pauses between them, says QUIT and begins again. Meanwhile it
serves, for this machine alone:

  /               links to the others, and the lines for Prometheus
  /debug/smtp/    the live page: every session, its state, the latest errors; a
                  button aborts one
  /metrics        the metrics of package tracing, and those of the process, for
                  Prometheus

Traces go out by OTLP, over HTTP, if the environment says where. Nothing leaves
the machine otherwise, and no mail goes anywhere.

the sessions
  -sessions N         how many at once, 1 to 5000; not given: 20
  -think D            the pause between two messages of a session, on average:
                      200ms, 5s; not given: 1s, which with 20 sessions takes a
                      few hundredths of a core
  -faults F           the share of connections, and of messages, that meet with
                      trouble, 0 to 1: slow or silent greetings, 421 and 554 in
                      their place, STARTTLS or the login refused, 451 and 421 to
                      MAIL, recipients refused, content refused, resets, and a
                      421 to a session at rest; not given: 0.1
  -seed N             the same troubles in the same order; not given: any, and
                      the program says which

how long
  -for D              30s, 10m; not given: until Ctrl-C
  -messages N         ends after so many; not given: no limit
Then the messages under way are finished, five seconds at most; the sessions
say QUIT, and the last spans are sent, ten seconds at most.

where to look
  -listen ADDRESS     of the pages: 127.0.0.1:9025 if not given, :0 for a free
                      port, which is printed; only an address of this machine
  -h                  this

environment
  OTEL_EXPORTER_OTLP_ENDPOINT         http://localhost:4318: send traces there;
                                      without it, and the next, none are made
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT  the same with the whole path
  OTEL_EXPORTER_OTLP_*                headers, certificates, compression and
                                      timeout, as OpenTelemetry has them; the
                                      protocol is http/protobuf
  OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
                                      work as well

On a terminal (TERM not dumb) one line tells how it goes, else a line every ten
seconds does. There are no colours.

exit status
  0  it ran as long as it was asked to, or until Ctrl-C; troubles do not count
  1  the pages could not be served any more, or some spans did not reach the
     collector
  2  the command line or a variable is no use, or the port is taken
go run ends with 1 in place of 2, and prints "exit status 2"

examples
  go -C examples/observe run .
  go -C examples/observe run . -sessions 200 -faults 0.3 -for 10m

  Prometheus, in another terminal:
    prometheus --config.file=examples/observe/prometheus.yml \
      --storage.tsdb.path=tsdb --web.listen-address=127.0.0.1:9090 \
      --enable-feature=exemplar-storage
  and then at http://127.0.0.1:9090/graph:
    sum by (smtp_message_outcome) (rate(smtp_client_messages_total[1m]))
    histogram_quantile(0.95, sum by (le, smtp_phase)
      (rate(smtp_client_phase_duration_seconds_bucket[1m])))
    sum by (error_type) (increase(smtp_client_connect_retries_total[5m]))

  Jaeger, or an OpenTelemetry collector, on its usual port for OTLP by HTTP:
    docker run --rm -p 127.0.0.1:16686:16686 -p 127.0.0.1:4318:4318 \
      jaegertracing/jaeger
    OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 \
      go -C examples/observe run .
  and then at http://localhost:16686: the service ehlo-observe, smtp.connect;
  Prometheus then knows a trace for each bucket (exemplars)
`
