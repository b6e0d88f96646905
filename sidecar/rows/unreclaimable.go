package rows

// Unreclaimable returns the memory that the kernel cannot reclaim without swap: the
// container is killed when this reaches the limit. Nil is unknown.
func Unreclaimable(usage, reclaimable *int64) *int64 {
	if usage == nil || reclaimable == nil {
		return nil
	}
	return new(max(0, *usage-*reclaimable)) // both are read at slightly different times
}
