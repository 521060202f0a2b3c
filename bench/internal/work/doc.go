// Package work is what is measured: the works, and who takes part in each. Package
// table shows and judges them.
package work
