// Package work is what is measured: the works, who takes part in each, and the
// rows that the table shows of them, with the marks that ehlo has to reach.
package work
