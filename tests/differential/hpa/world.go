package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/scale"
	scalefake "k8s.io/client-go/scale/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// world is what lies outside of the controller: the workloads' scales and their metrics.
type world struct {
	mutex     sync.Mutex
	histories []History
	replicas  []int32
	step      int
}

// next begins the next step and sets the counts that somebody sets by hand; false after the last step.
func (w *world) next() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.step++
	more := false
	for i, history := range w.histories {
		if w.step < len(history.Steps) {
			more = true
			if hand := history.Steps[w.step].Hand; hand != nil {
				w.replicas[i] = *hand
			}
		}
	}
	return more
}

func indexOf(name string) (i int, err error) {
	_, err = fmt.Sscanf(name, "history-%d", &i)
	return i, err
}

// scales answers for every workload's scale subresource. Pods follow the spec at once.
func (w *world) scales() scale.ScalesGetter {
	client := &scalefake.FakeScaleClient{}
	client.AddReactor("get", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		name := action.(clienttesting.GetAction).GetName()
		i, err := indexOf(name)
		if err != nil {
			return true, nil, err
		}
		w.mutex.Lock()
		defer w.mutex.Unlock()
		return true, &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
			Spec:       autoscalingv1.ScaleSpec{Replicas: w.replicas[i]},
			Status:     autoscalingv1.ScaleStatus{Replicas: w.replicas[i], Selector: "workload=" + name},
		}, nil
	})
	client.AddReactor("update", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		written := action.(clienttesting.UpdateAction).GetObject().(*autoscalingv1.Scale)
		i, err := indexOf(written.Name)
		if err != nil {
			return true, nil, err
		}
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.replicas[i] = written.Spec.Replicas
		return true, written, nil
	})
	return client
}

var errNotExternal = errors.New("histories have external metrics only")

var _ metrics.MetricsClient = &world{}

// GetExternalMetric is the load of the history that the metric is named after.
func (w *world) GetExternalMetric(name, _ string, _ labels.Selector) ([]int64, time.Time, error) {
	i, err := indexOf(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.step >= len(w.histories[i].Steps) || w.histories[i].Steps[w.step].Load == nil {
		return nil, time.Time{}, errors.New("the metric cannot be read at this step")
	}
	return []int64{*w.histories[i].Steps[w.step].Load}, time.Now(), nil
}

func (w *world) GetResourceMetric(context.Context, v1.ResourceName, string, labels.Selector, string) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errNotExternal
}

func (w *world) GetRawMetric(string, string, labels.Selector, labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errNotExternal
}

func (w *world) GetObjectMetric(string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	return 0, time.Time{}, errNotExternal
}
