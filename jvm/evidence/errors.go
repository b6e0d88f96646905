package evidence

import (
	"context"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
)

// OutOfMemoryErrors queries how many OutOfMemoryErrors the JVM threw; none if there was
// none. It takes no safepoint, and needs JDK 11 or newer.
func OutOfMemoryErrors(ctx context.Context, p *jvm.Process) ([]dcmd.ErrorCount, error) {
	text, _, err := send(ctx, p, attach.VMInfo)
	if err != nil {
		return nil, err
	}
	errors := dcmd.ParseOutOfMemoryErrors(text)
	for i := range errors {
		errors[i].Space = jvm.Printable(errors[i].Space, maxClassBytes)
	}
	return errors, nil
}
