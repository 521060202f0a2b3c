// Package growth measures how costs grow: with the number of sessions at once, and
// with the size of a message. It writes CSV files, and draws plots of them.
package growth
