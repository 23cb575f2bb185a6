// Hpa-replay drives the real HorizontalPodAutoscaler controller of Kubernetes through histories of a load, in fake time.
//
// It reads a JSON array of histories from standard input and writes the replica counts after every sync. Nothing of the
// controller is replaced: its informers, its queue, its calculator and its memory run as they ship; only what lies outside
// of it is ours, that is the API server's store (client-go's fake), the scale of each workload and its external metric.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"github.com/go-logr/logr"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// A History is one workload: the bounds and rules of its autoscaler and what happens before every sync.
type History struct {
	Min      int32     `json:"min"`
	Max      int32     `json:"max"`
	Replicas int32     `json:"replicas"`
	Target   int64     `json:"target"` // load per replica to steer to, thousandths
	Behavior *Behavior `json:"behavior"`
	Steps    []Step    `json:"steps"`
}

// Behavior is the field of the same name; a missing part is filled by the defaults of the API server.
type Behavior struct {
	Up   *Rules `json:"up"`
	Down *Rules `json:"down"`
}

// Rules are one direction of a behavior.
type Rules struct {
	Window   *int32   `json:"window"`
	Select   string   `json:"select"`
	Policies []Policy `json:"policies"`
}

// A Policy limits a change to so many pods or percent per period of seconds.
type Policy struct {
	Kind   string `json:"kind"`
	Value  int32  `json:"value"`
	Period int32  `json:"period"`
}

// A Step is what holds at one sync.
type Step struct {
	Load *int64 `json:"load"` // thousandths; null = the metric cannot be read
	Hand *int32 `json:"hand"` // a replica count that somebody sets before the sync
}

func main() {
	klog.SetLogger(logr.Discard())
	// The stock handlers also sleep 1 ms per error, which in fake time would delay every later sync.
	utilruntime.ErrorHandlers = nil
	var histories []History
	if err := json.NewDecoder(os.Stdin).Decode(&histories); err != nil {
		fmt.Fprintln(os.Stderr, "hpa-replay: histories on standard input:", err)
		os.Exit(2)
	}
	// Fake time exists only inside a test; this is one, run by hand.
	replay := testing.InternalTest{Name: "replay", F: func(t *testing.T) {
		var counts [][]int32
		synctest.Test(t, func(t *testing.T) { counts = run(t.Context(), histories) })
		if err := json.NewEncoder(os.Stdout).Encode(counts); err != nil {
			t.Fatal("counts to standard output:", err)
		}
	}}
	os.Args = os.Args[:1]
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{replay}, nil, nil)
}
