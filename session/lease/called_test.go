package lease_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/sandbox/sandboxtest"
)

// once is the life of a process that is started for one call.
func once(t *testing.T, ravis *sandboxtest.Instance, dir string, call func(*process)) {
	t.Helper()
	p := newProcess(t, ravis, dir, false)
	p.Start()
	p.Called()
	call(p)
	p.End(t.Context())
}

// Where a process is started for every call, only its time ends an identity: each use renews it,
// and whichever process comes next deletes it.
func TestLeaseOutlivesAProcessOfOneCall(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		var uuid string
		once(t, ravis, dir, func(p *process) { uuid = p.mustCreate(t, "task", time.Hour) })
		for range 5 {
			time.Sleep(50 * time.Minute)
			once(t, ravis, dir, func(p *process) {
				wait(time.Second) // it has looked for leases already
				p.Used("local", uuid)
			})
			assert.Equal(t, []string{"other", "task"}, names(ravis))
		}
		time.Sleep(50 * time.Minute)
		once(t, ravis, dir, func(p *process) { p.Used("another", uuid) })
		time.Sleep(12 * time.Minute)
		once(t, ravis, dir, func(*process) { wait(time.Second) })
		assert.Equal(t, []string{"other"}, names(ravis))
		assert.Empty(t, files(t, dir))
	})
}

// A kill instead of an end makes no difference to that.
func TestLeaseOfOneCallOutlivesAKill(t *testing.T) {
	leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
		p := newProcess(t, ravis, dir, false)
		p.Called()
		p.mustCreate(t, "task", time.Hour)
		p.Kill()
		once(t, ravis, dir, func(*process) { wait(10 * time.Minute) })
		assert.Equal(t, []string{"other", "task"}, names(ravis))
		time.Sleep(time.Hour)
		once(t, ravis, dir, func(*process) { wait(time.Second) })
		assert.Equal(t, []string{"other"}, names(ravis))
	})
}

// A second call, before, while or after the identity is made, shows that the process is the
// client's: its end is the end.
func TestSecondCallEndsLeasesWithTheProcess(t *testing.T) {
	for _, when := range []string{"before", "meanwhile", "after"} {
		t.Run(when, func(t *testing.T) {
			leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
				once(t, ravis, dir, func(p *process) {
					p.wire.observe = func(r *http.Request) {
						if when == "meanwhile" && r.Method == http.MethodPost {
							p.Called()
						}
					}
					if when == "before" {
						p.Called()
					}
					p.mustCreate(t, "task", time.Hour)
					if when == "after" {
						p.Called()
					}
				})
				assert.Equal(t, []string{"other"}, names(ravis))
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// A call that failed does not count, whenever it came.
func TestFailedCallDoesNotCount(t *testing.T) {
	for _, when := range []string{"before", "meanwhile", "after"} {
		t.Run(when, func(t *testing.T) {
			leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
				once(t, ravis, dir, func(p *process) {
					p.CallFailed() // of once, which is not the only call here
					fail := func(now string) {
						for range 3 {
							if when == now {
								p.Called()
								p.CallFailed()
							}
						}
					}
					p.wire.observe = func(r *http.Request) {
						if r.Method == http.MethodPost {
							fail("meanwhile")
						}
					}
					fail("before")
					p.Called()
					p.mustCreate(t, "task", time.Hour)
					fail("after")
				})
				assert.Equal(t, []string{"other", "task"}, names(ravis))
			})
		})
	}
}

// Shared by several clients, a process keeps its leases whatever is called.
func TestKeptLeasesOutliveTheProcess(t *testing.T) {
	for _, calls := range []int{0, 1, 2, 5} {
		leased(t, func(t *testing.T, ravis *sandboxtest.Instance, dir string) {
			p := newProcess(t, ravis, dir, false)
			p.mustCreate(t, "early", time.Hour)
			p.Keep()
			for range calls {
				p.Called()
			}
			p.mustCreate(t, "late", time.Hour)
			p.End(t.Context())
			assert.Equal(t, []string{"other", "early", "late"}, names(ravis))
			time.Sleep(2 * time.Hour)
			once(t, ravis, dir, func(*process) { wait(time.Second) })
			assert.Equal(t, []string{"other"}, names(ravis))
		})
	}
}
