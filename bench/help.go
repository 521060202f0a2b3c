package main

// help is what -h prints.
const help = `bench: ehlo beside its peers, and what each takes

  go -C bench run . [flags]

It starts a server in another process and lets each peer do the same to it, in
turns, round by round: net/smtp, emersion/go-smtp, wneessen/go-mail, ehlo, and
raw, a loop written by hand with the fewest octets and system calls that the
protocol allows; raw+go gives each session a goroutine of its own. A figure is
the CPU of this process, its own and the system's, for a session or a message;
below it how often that allocates, and how many octets. Medians of the rounds.

The marks are what ehlo has to reach; "ehlo is" is the median of its ratios to
raw, each of the same round. All of it takes about a quarter of an hour on two
cores. Nothing else should run meanwhile: compare figures of one run only.

what is measured
  -work REGEXP   only works whose name matches; -list shows the names
  -list          the names of the works, and their batches
  -rounds N      rounds of each work, 3 if not given. Where a batch is short
                 or a ratio close to its mark there are more, where nothing
                 varies there is one; the table says how many
  -quick         small batches, one round unless -rounds says more: shows that
                 it works, and no result
  -grow DIR      something else: how costs grow with the number of sessions and
                 the size of messages. CSV files and SVG plots go into DIR;
                 about two minutes
  -gc            something else: 100,000 sessions in memory, and what they cost
                 the garbage collector under each of some settings, while some
                 send; fewer where memory is short. About two minutes

what is printed
  -json          one JSON object: the machine, every sample, and the lines of
                 the table with their verdicts
  -strict        exit status 1 if a mark is missed
  -h             this

Progress goes to standard error, on a terminal. Ctrl-C ends it.

exit status
  0  measured
  1  a peer failed, a message did not arrive, or Ctrl-C; with -strict also a
     MISS
  2  the command line is no use

examples
  go -C bench run . -work 'session/plain|10kB' -rounds 5
  go -C bench run . -json >result.json
  go -C bench run . -grow plots
  cd bench && go test -bench . -count 6 -timeout 60m | tee new.txt
  benchstat old.txt new.txt
`
