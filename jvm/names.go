package jvm

import "github.com/jvmem/jvmem/jvm/vmstructs"

// maxNames bounds the names that are read at once: six reads each, of which a thread needs
// one set while it lives.
const maxNames = 2000

// nameThreads gives threads their Java names where the kernel has only a part of them,
// from the JVM's memory. counted: HotSpot's list of threads was just read. Else it is
// read only for a pool that is new.
func (p *Process) nameThreads(counted bool) {
	if p.structs == nil {
		return
	}
	cut := p.threads.Cut(!counted)
	if len(cut) == 0 {
		return
	}
	list := p.javaThreads
	if !counted {
		list, _ = p.structs.Threads() // some are better than none
	}
	java := make(map[int]vmstructs.Thread, len(list))
	for _, t := range list {
		java[t.OSThreadID] = t
	}
	names := make(map[int]string)
	for _, t := range cut[:min(len(cut), maxNames)] {
		names[t.ID] = ""
		id, _ := p.OwnThreadID(t)
		if of, ok := java[id]; ok {
			names[t.ID], _ = p.structs.Name(of, t.Fits) // later, or the kernel's remains
		}
	}
	p.threads.Name(names)
}
