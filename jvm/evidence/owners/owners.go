package owners

import (
	"errors"
	"time"

	"github.com/jvmem/jvmem/jvm/malloc"
)

// Target is the process that is looked at.
type Target struct {
	Proc string // mount point of procfs
	PID  int
}

// DefaultBudget is enough for 4 GiB of malloc.
func DefaultBudget() malloc.Budget { return malloc.Budget{Reads: 400_000, Time: 20 * time.Second} }

var errNotBuilt = errors.New("not built yet")

// Take returns what is in use now, for a later Find. The errors are proc.ErrGone, those of
// permission, and malloc.ErrUnknown where the allocator is not glibc's.
func Take(t Target, b malloc.Budget) (*Snapshot, error) { return nil, errNotBuilt }

// Find returns the owners of what is in use now and was not in since, or of all that is
// in use if since is nil. The errors are those of Take; ErrOtherProcess if since is of another.
func Find(t Target, since *Snapshot, b malloc.Budget) (*Report, error) { return nil, errNotBuilt }

// ErrOtherProcess means that a Snapshot is of another process, or of one that was restarted.
var ErrOtherProcess = errors.New("the baseline is of another process")
