package sample

// Other returns a JVM that runs as another user than this one: false if there is none, or if a
// JVM of this user runs too.
func (s *Sampler) Other(uid, gid int) (pid, otherUID, otherGID int, ok bool) {
	for _, m := range s.jvms {
		if m.uid == uid && m.gid == gid {
			return 0, 0, 0, false
		}
		if !ok || m.pid < pid {
			pid, otherUID, otherGID, ok = m.pid, m.uid, m.gid, true
		}
	}
	return pid, otherUID, otherGID, ok
}
