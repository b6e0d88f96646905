package owners

import "time"

// Report says who owns the blocks that are in use, or those that are new.
type Report struct {
	PID  int       `json:"pid"`
	Time time.Time `json:"time"`
	// Since is the time of the Snapshot that was compared with. nil: with none; the
	// owners are those of all blocks in use.
	Since *time.Time `json:"since,omitempty"`
	// InUse is all of malloc that is in use.
	InUse Amount `json:"in_use"`
	// Growth is the sum over the kinds of blocks that grew: of Owners and Other. Without
	// Since it is InUse, and what libraries mmapped themselves.
	Growth Amount `json:"growth"`
	// Owners are at most eight, largest first; those that are not named are among them.
	Owners []Owner `json:"owners"`
	// Other is the part of Growth that is in no Owner.
	Other Amount `json:"other"`
	// Libraries are those loaded that belong neither to the JDK nor to the C library. At
	// most 16.
	Libraries []string `json:"libraries"`
	// Complete: the walk saw at least 99 % of malloc's memory and the search for references
	// ended. Else Reason says what is missing: what is reported is true, but not all.
	Complete bool   `json:"complete"`
	Reason   string `json:"reason,omitempty"`

	// Now has the blocks of this look, for the next comparison.
	Now *Snapshot `json:"-"`
}

// Relation is what was seen of a named owner.
type Relation string

const (
	// PointsTo means that the blocks themselves point into the library: to its functions, data, or
	// to the table of virtual functions of a class.
	PointsTo Relation = "points_to"
	// ReferredTo means that something of the owner refers to the blocks.
	ReferredTo Relation = "referred_to"
	// Tracked means that the blocks have a header of HotSpot's Native Memory Tracking.
	Tracked Relation = "tracked"
	// NotNamed means that nothing is known of the blocks but what they are.
	NotNamed Relation = ""
)

// Owner is a group of blocks with the same names. Blocks and bytes are the growth if
// there was a Snapshot to compare with. A name that is not known is "".
type Owner struct {
	Amount
	// Share of Report.Growth, in resident bytes: 0 to 1.
	Share float64 `json:"share"`
	// Sizes are at most four, those with the most bytes first.
	Sizes []Size `json:"sizes"`

	// Mapped: it is not malloc's memory, but was mmapped by the library itself. Blocks are
	// those that begin with a pointer into the library. Without a name it is what is left, of a
	// library or of HotSpot; blocks are then the mappings, of which the kernel joins adjacent ones.
	Mapped   bool     `json:"mapped,omitempty"`
	Relation Relation `json:"relation"`
	// Library is the file name of a library, such as "libz.so.1.2.13".
	Library string `json:"library,omitempty"`
	// Class is the demangled C++ class that is pointed to, Symbol a function or variable.
	Class  string `json:"class,omitempty"`
	Symbol string `json:"symbol,omitempty"`
	// Global is the variable of a library which leads to the blocks.
	Global string `json:"global,omitempty"`
	// JavaClass is the class of the Java objects that refer to the blocks.
	JavaClass string `json:"java_class,omitempty"`
	// Category is that of Native Memory Tracking, of the blocks.
	Category string `json:"category,omitempty"`
	// Hops is how many references lead from what is named to the blocks: 0 to 3, where 3 is
	// also the end of a longer list or tree.
	Hops int `json:"hops"`
	// Agreement is the part of the sampled blocks that the names hold for: 0.9 to 1, and 0
	// if there are none.
	Agreement float64 `json:"agreement"`
	// Threads are the pools of threads in whose arenas at least 90 % of the blocks are. At
	// most three. Empty: unknown, or in too many arenas.
	Threads []string `json:"threads,omitempty"`
}

// Size is a number of blocks of one size.
type Size struct {
	// BlockBytes as malloc has it, with its header. 0: of any size.
	BlockBytes uint64 `json:"block_bytes"`
	Blocks     int64  `json:"blocks"`
}
