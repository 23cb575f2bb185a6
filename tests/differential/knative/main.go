// Knative-replay drives the real pod autoscaler of Knative Serving through histories of a load.
//
// It reads a JSON array of histories from standard input and writes the pod counts that were wished after every tick. The
// autoscaler takes the time as an argument; its windows are its own, only the pods and their reports are ours.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/autoscaler/aggregation"
	"knative.dev/serving/pkg/autoscaler/metrics"
	"knative.dev/serving/pkg/autoscaler/scaling"
)

// A History is one revision: its target and what is seen at every tick.
type History struct {
	Target float64 `json:"target"` // requests per second per pod to steer to
	Stable int64   `json:"stable"` // seconds of the stable window
	Tick   int64   `json:"tick"`   // seconds between two ticks, and of a bucket
	Steps  []Step  `json:"steps"`
}

// A Step is what holds at one tick.
type Step struct {
	Load  *float64 `json:"load"`  // requests per second; null = no pod reported
	Ready *int     `json:"ready"` // ready pods; null = as many as were wished at the tick before
}

// pods counts the ready ones.
type pods struct{ ready int }

func (p *pods) ReadyCount() (int, error)    { return p.ready, nil }
func (p *pods) NotReadyCount() (int, error) { return 0, nil }

// reports keeps the two windows as Knative's collector does, in Knative's own buckets.
type reports struct {
	stable, panic *aggregation.TimedFloat64Buckets
}

func (r *reports) StableAndPanicRPS(_ types.NamespacedName, now time.Time) (float64, float64, error) {
	if r.stable.IsEmpty(now) {
		return 0, 0, metrics.ErrNoData
	}
	return r.stable.WindowAverage(now), r.panic.WindowAverage(now), nil
}

func (r *reports) StableAndPanicConcurrency(key types.NamespacedName, now time.Time) (float64, float64, error) {
	return r.StableAndPanicRPS(key, now)
}

// What Knative ships with: config-autoscaler.
const (
	maxScaleUpRate   = 1000
	maxScaleDownRate = 2
	panicThreshold   = 2
)

func run(history History) []int32 {
	pods := &pods{ready: 1}
	if first := history.Steps[0].Ready; first != nil {
		pods.ready = *first
	}
	tick, stable := time.Duration(history.Tick)*time.Second, time.Duration(history.Stable)*time.Second
	reports := &reports{
		stable: aggregation.NewTimedFloat64Buckets(stable, tick),
		panic:  aggregation.NewTimedFloat64Buckets(tick, tick),
	}
	// A new autoscaler reads the clock once, as the time its panic begins: again if that was not within the first tick.
	var autoscaler scaling.UniScaler
	now := time.Time{}
	for !time.Now().Truncate(tick).Equal(now) {
		now = time.Now().Truncate(tick)
		autoscaler = scaling.New(
			context.Background(), "histories", "history", reports, pods,
			&scaling.DeciderSpec{
				MaxScaleUpRate: maxScaleUpRate, MaxScaleDownRate: maxScaleDownRate, ScalingMetric: autoscaling.RPS,
				TargetValue: history.Target, TotalValue: history.Target, PanicThreshold: panicThreshold,
				StableWindow: stable, InitialScale: 1, Reachable: true,
			},
		)
	}
	logger := zap.NewNop().Sugar()
	var counts []int32
	wished := int32(pods.ready)
	for _, step := range history.Steps {
		pods.ready = int(wished)
		if step.Ready != nil {
			pods.ready = *step.Ready
		}
		if step.Load != nil {
			reports.stable.Record(now, *step.Load)
			reports.panic.Record(now, *step.Load)
		}
		if result := autoscaler.Scale(logger, now); result.ScaleValid {
			// The decider's floor of a revision that never scales to zero.
			wished = max(result.DesiredPodCount, 1)
		}
		counts = append(counts, wished)
		now = now.Add(tick)
	}
	return counts
}

func main() {
	var histories []History
	if err := json.NewDecoder(os.Stdin).Decode(&histories); err != nil {
		fmt.Fprintln(os.Stderr, "knative-replay: histories on standard input:", err)
		os.Exit(2)
	}
	var counts [][]int32
	for _, history := range histories {
		counts = append(counts, run(history))
	}
	if err := json.NewEncoder(os.Stdout).Encode(counts); err != nil {
		fmt.Fprintln(os.Stderr, "knative-replay: counts to standard output:", err)
		os.Exit(1)
	}
}
