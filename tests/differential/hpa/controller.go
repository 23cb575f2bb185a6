package main

import (
	"context"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// What kube-controller-manager starts the controller with when no flag is given.
const (
	syncPeriod  = 15 * time.Second
	downWindow  = 5 * time.Minute
	tolerance   = 0.1
	cpuInit     = 5 * time.Minute
	readyDelay  = 30 * time.Second
	namespace   = "histories"
	halfPeriod  = syncPeriod / 2
	controllers = 1
)

// run replays all histories at once, one autoscaler each, and returns the counts after every sync.
func run(ctx context.Context, histories []History) [][]int32 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	world := &world{histories: histories, step: -1}
	objects := make([]runtime.Object, len(histories))
	for i, history := range histories {
		world.replicas = append(world.replicas, history.Replicas)
		objects[i] = autoscaler(i, history)
	}
	// The fake store's watch panics when its buffer is full: every autoscaler's status may change in one instant.
	watch.DefaultChanSize = int32(4 * len(histories))
	// Not NewClientset: its tracker of field owners costs a thousand times more, and the controller does not apply.
	api := fake.NewSimpleClientset(objects...) //nolint:staticcheck
	events := &fake.Clientset{}
	factory := informers.NewSharedInformerFactory(api, 0)
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
	mapper.Add(apps.WithKind("Deployment"), meta.RESTScopeNamespace)
	controller := podautoscaler.NewHorizontalController(
		ctx, events.CoreV1(), world.scales(), api.AutoscalingV2(), mapper, world,
		factory.Autoscaling().V2().HorizontalPodAutoscalers(), factory.Core().V1().Pods(),
		syncPeriod, downWindow, tolerance, cpuInit, readyDelay,
	)
	factory.Start(ctx.Done())
	done := make(chan struct{})
	go func() { defer close(done); controller.Run(ctx, controllers) }()

	counts := make([][]int32, len(histories))
	// Syncs happen at every whole period from now; the world changes half a period before each.
	time.Sleep(halfPeriod)
	for world.next() {
		time.Sleep(syncPeriod)
		world.mutex.Lock()
		for i := range histories {
			if world.step < len(histories[i].Steps) {
				counts[i] = append(counts[i], world.replicas[i])
			}
		}
		world.mutex.Unlock()
	}
	cancel()
	<-done
	factory.Shutdown()
	return counts
}

// autoscaler is the object as the API server would store it: with its defaults filled in.
func autoscaler(i int, history History) *autoscalingv2.HorizontalPodAutoscaler {
	name := caseName(i)
	object := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", APIVersion: "apps/v1", Name: name},
			MinReplicas:    &history.Min,
			MaxReplicas:    history.Max,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ExternalMetricSourceType,
				External: &autoscalingv2.ExternalMetricSource{
					Metric: autoscalingv2.MetricIdentifier{Name: name},
					Target: autoscalingv2.MetricTarget{
						Type:         autoscalingv2.AverageValueMetricType,
						AverageValue: resource.NewMilliQuantity(history.Target, resource.DecimalSI),
					},
				},
			}},
		},
	}
	if history.Behavior != nil {
		object.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{
			ScaleUp: rules(history.Behavior.Up), ScaleDown: rules(history.Behavior.Down),
		}
	}
	defaults.SetDefaults_HorizontalPodAutoscaler(object)
	return object
}

func rules(given *Rules) *autoscalingv2.HPAScalingRules {
	if given == nil {
		return nil
	}
	rules := &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: given.Window}
	if given.Select != "" {
		choice := autoscalingv2.ScalingPolicySelect(given.Select)
		rules.SelectPolicy = &choice
	}
	for _, policy := range given.Policies {
		rules.Policies = append(rules.Policies, autoscalingv2.HPAScalingPolicy{
			Type: autoscalingv2.HPAScalingPolicyType(policy.Kind), Value: policy.Value, PeriodSeconds: policy.Period,
		})
	}
	return rules
}

func caseName(i int) string { return fmt.Sprintf("history-%d", i) }
