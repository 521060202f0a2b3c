package events

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

type livesHook struct {
	name  string
	heard *[]string
	panic bool
}

func (l livesHook) LifeStart(ctx context.Context, h Handle) { l.hear(ctx, "start", h) }

func (l livesHook) LifeEnd(ctx context.Context, h Handle) { l.hear(ctx, "end", h) }

func (l livesHook) hear(ctx context.Context, what string, h Handle) {
	if !InHook(ctx) {
		what += " unmarked"
	}
	*l.heard = append(*l.heard, what+" "+l.name)
	if l.panic {
		panic(l.name)
	}
}

func TestHooks_LivesAreToldToEachInOrderWhateverOneDoes(t *testing.T) {
	var heard []string
	h, err := SortHooks([]Hook{livesHook{"a", &heard, false}, livesHook{"b", &heard, true}, livesHook{"c", &heard, false}})
	if err != nil || !h.WantLives() {
		t.Fatal(err)
	}
	if err := h.LifeStart(context.Background(), Handle{ID: 1}); !errors.Is(err, smtp.ErrPanic) {
		t.Error(err)
	}
	if err := h.LifeEnd(context.Background(), Handle{ID: 1}); !errors.Is(err, smtp.ErrPanic) {
		t.Error(err)
	}
	if want := []string{"start a", "start b", "start c", "end c", "end b", "end a"}; !slices.Equal(heard, want) {
		t.Errorf("%q, want %q", heard, want)
	}
	none, err := SortHooks(nil)
	if err != nil || none.WantLives() {
		t.Error("lives are told to nobody")
	}
}
