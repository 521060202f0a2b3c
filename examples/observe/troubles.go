package main

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/smtptest"
)

// trouble is something that goes wrong at a moment of a connection or a message.
type trouble struct {
	moment string // as in smtptest.Config.On
	step   smtptest.Step
}

// ofConnections are those that a connection may meet on its way to a login. A slow
// one takes pause.
func ofConnections(pause time.Duration) []trouble {
	return []trouble{
		{"CONNECT", smtptest.Reset()},
		{"GREETING", smtptest.Then(setup.Wait(pause), smtptest.Usual())},
		{"GREETING", smtptest.Silence()},
		{"GREETING", smtptest.SayAndClose("421 4.3.2 too many connections, come back later")},
		{"GREETING", smtptest.SayAndClose("554 5.7.1 no mail from there")},
		{"STARTTLS", smtptest.Say("454 4.7.0 TLS is not available now")},
		{"TLS", smtptest.Close()},
		{"AUTH", smtptest.Say("454 4.7.0 the passwords cannot be read now")},
		{"AUTH", smtptest.Say("535 5.7.8 wrong user or password")},
	}
}

// ofMessages are those that a message may meet.
func ofMessages(pause time.Duration) []trouble {
	return []trouble{
		{"MAIL", smtptest.Say("451 4.7.1 greylisted, come back later")},
		{"MAIL", smtptest.SayAndClose("421 4.7.0 too many messages from there")},
		{"RCPT", smtptest.Say("550 5.1.1 no such user here")},
		{"RCPT", smtptest.Say("452 4.2.2 the mailbox is full")},
		{"CONTENT", smtptest.Say("554 5.6.0 not wanted")},
		{"CONTENT", smtptest.Say("452 4.3.1 no space left")},
		{"CONTENT", smtptest.Reset()}, // what became of it, the client cannot know
		{"CONTENT", smtptest.Then(setup.Wait(pause), smtptest.Usual())},
		{"CONTENT", smtptest.Then(smtptest.Usual(), setup.Wait(pause/2), smtptest.SayAndClose("421 4.4.2 idle for too long"))},
	}
}

// fate decides for one moment which trouble comes, if any: the n-th decision after
// a seed is always the same one. Safe for concurrent use.
type fate struct {
	chance float64 // of any
	among  []smtptest.Step
	mu     sync.Mutex
	rng    *rand.Rand
}

// play is the step.
func (f *fate) play(c *smtptest.Conn) {
	f.mu.Lock()
	comes := f.rng.Float64() < f.chance
	which := f.rng.IntN(len(f.among))
	f.mu.Unlock()
	if comes {
		f.among[which](c)
		return
	}
	c.Usual()
}

// troubles returns the steps of a server where about that share of connections, and
// of messages, meets with trouble. All troubles of a list are equally likely. A
// message to several recipients may meet theirs more often.
func troubles(share float64, seed uint64, pause time.Duration) map[string]smtptest.Step {
	on := make(map[string]smtptest.Step)
	for _, list := range [][]trouble{ofConnections(pause), ofMessages(pause)} {
		among := make(map[string][]smtptest.Step)
		for _, t := range list {
			among[t.moment] = append(among[t.moment], t.step)
		}
		for moment, steps := range among {
			f := &fate{chance: share * float64(len(steps)) / float64(len(list)), among: steps,
				rng: rand.New(rand.NewPCG(seed, streamOf(moment)))}
			on[moment] = f.play
		}
	}
	return on
}

// streamOf gives each moment numbers of its own.
func streamOf(moment string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(moment))
	return h.Sum64()
}
