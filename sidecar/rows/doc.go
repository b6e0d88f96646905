// Package rows has what the packages of the sidecar share about the rows of a breakdown:
// one table of the rows with their details, the verdict on sustained growth of each, and
// its style in pictures; the names of the verdicts; the identity of a container; and the
// definition of unreclaimable memory.
//
// A new row is an entry of the table and its attribution in package breakdown. A new
// verdict about growth is a constant, its place in the table, and its judge in package
// diagnosis.
package rows
