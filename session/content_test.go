package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// prepared is the content of a message that some reader gives.
func prepared(t testing.TB, from io.Reader) content {
	t.Helper()
	c, err := prepare(&smtp.Message{Content: from}, &inMemory{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A message of one block stands in memory of its own: the next one has the
// buffer.
func TestContent_AShortReaderKeepsItsOctets(t *testing.T) {
	for range 10 {
		first := prepared(t, io.MultiReader(strings.NewReader("the first")))
		_ = prepared(t, io.MultiReader(strings.NewReader("THE OTHER")))
		if block, last, err := first.next(t.Context()); string(block) != "the first" || !last || err != nil {
			t.Fatalf("%q, %v, %v", block, last, err)
		}
	}
}

// A buffer into which a reader may still write is nobody else's again.
func TestContent_ABufferOfAReaderThatHangsIsNotGivenBack(t *testing.T) {
	c := prepared(t, &broken{firstBlock + 1, func() (int, error) { return 0, io.EOF }})
	if _, _, err := c.next(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.next(ctx); !errors.Is(err, smtp.ErrCanceled) { // nobody fills the next block
		t.Fatal(err)
	}
	if c.buffered() != nil {
		t.Error("it goes back to the pool")
	}
}

// What is cut off is never told as io.EOF, by which a caller knows the end.
func TestContent_H27_WhatIsCutOffIsNoEnd(t *testing.T) {
	file := onDisk(t, strings.Repeat("x", firstBlock+10))
	cut := prepared(t, file)
	if err := os.Truncate(file.Name(), firstBlock+5); err != nil {
		t.Fatal(err)
	}
	_, _, _ = cut.next(t.Context())
	_, _, ofFile := cut.next(t.Context())
	_, ofReader := prepare(&smtp.Message{Content: &broken{10, func() (int, error) { return 0, fmt.Errorf("disk: %w", io.EOF) }}}, &inMemory{})
	for of, err := range map[string]error{"file": ofFile, "reader": ofReader} {
		if !errors.Is(err, smtp.ErrContent) || !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", of, err)
		}
	}
}

// A reader may return nothing as often as it likes, but in a row.
func TestContent_AReaderThatReturnsNothingNowAndThen(t *testing.T) {
	reads := 0
	c := prepared(t, readFunc(func(p []byte) (int, error) {
		switch reads++; {
		case reads > 10*maxEmptyReads:
			return 0, io.EOF
		case reads%maxEmptyReads == 0:
			return copy(p, "line\r\n"), nil
		}
		return 0, nil
	}))
	if block, last, err := c.next(t.Context()); !bytes.Equal(block, bytes.Repeat([]byte("line\r\n"), 10)) || !last || err != nil {
		t.Errorf("%q, %v, %v", block, last, err)
	}
}

// The look at a long file ends with the context.
func TestContent_ALookEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errMine)
	if _, known, err := scan(ctx, prepared(t, strings.NewReader(letter))); known || !errors.Is(err, smtp.ErrCanceled) || !errors.Is(err, errMine) {
		t.Errorf("%v, %v", known, err)
	}
}

// What is there is of the size that was stated, not more and not less.
func TestContent_ItsSizeIsHeldAgainstTheStated(t *testing.T) {
	for from, reader := range contents(letter) {
		for stated, ok := range map[int]bool{0: true, len(letter): true, len(letter) - 1: false, len(letter) + 1: false} {
			_, err := prepare(&smtp.Message{Content: reader(), Size: int64(stated)}, &inMemory{})
			if (err == nil) != ok || err != nil && !errors.Is(err, smtp.ErrInvalid) {
				t.Errorf("%s, %d of %d stated: %v", from, len(letter), stated, err)
			}
		}
	}
}
