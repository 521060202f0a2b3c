// Package table makes of results the table that is printed: a row for each work, a
// column for each peer, how ehlo's figure stands to that of raw, the mark that it
// has to reach, and whether it does.
package table
