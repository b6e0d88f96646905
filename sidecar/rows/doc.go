// Package rows holds what the sidecar's packages share about the rows of a
// breakdown: one table of the rows with their details, the verdict that sustained
// growth of each one means, and how pictures draw it; the names of the verdicts; the
// identity of a container; and the one definition of unreclaimable memory.
//
// A new row is an entry of the table and its attribution in package breakdown. A new
// verdict about growth is a constant, its place in the table, and its judge in package
// diagnosis.
package rows
