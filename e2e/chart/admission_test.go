package chart

import (
	"context"
	"errors"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/discovery"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi/openapitest"
	"k8s.io/pod-security-admission/api"
)

// An apiServer admits pods with the plugin of the API server, which reads policies, bindings
// and namespaces from a fake client.
type apiServer struct {
	plugin *mutating.Plugin
}

func startAPIServer(t *testing.T, objects ...runtime.Object) *apiServer {
	t.Helper()
	plugin, err := mutating.NewPlugin(nil)
	if err != nil {
		t.Fatal(err)
	}
	startPlugin(t, plugin, objects)
	s := &apiServer{plugin}
	// It admits no pod before it has read the schema of Pod in the background.
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		_, err := s.create(labelled())
		if err == nil {
			return s
		}
		if !apierrors.IsServiceUnavailable(err) || time.Since(start) > time.Minute {
			t.Fatal(err)
		}
	}
}

type plugin interface {
	admission.Interface
	admission.InitializationValidator
	WaitForReady() bool
}

func startPlugin(t *testing.T, plugin plugin, objects []runtime.Object) {
	t.Helper()
	client := client{fake.NewClientset(objects...)}
	kinds := meta.NewDefaultRESTMapper(nil)
	kinds.Add(core.SchemeGroupVersion.WithKind("ResourceQuota"), meta.RESTScopeNamespace)
	kinds.Add(core.SchemeGroupVersion.WithKind("LimitRange"), meta.RESTScopeNamespace)
	informers := informers.NewSharedInformerFactory(client, 0)
	initializer.New(client, dynamicfake.NewSimpleDynamicClient(scheme.Scheme), informers,
		authorizerfactory.NewAlwaysAllowAuthorizer(), utilfeature.DefaultFeatureGate,
		compatibility.DefaultBuildEffectiveVersion(), t.Context().Done(), kinds,
	).Initialize(plugin)
	if err := plugin.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	informers.Start(t.Context().Done())
	if !plugin.WaitForReady() {
		t.Fatal("the plugin is not ready")
	}
}

// create returns the pod that is stored if this one is created.
func (s *apiServer) create(pod *core.Pod) (*core.Pod, error) {
	if pod.Namespace == "" {
		return nil, errors.New("the pod has no namespace")
	}
	pod = pod.DeepCopy()
	attributes := admission.NewAttributesRecord(pod, nil, core.SchemeGroupVersion.WithKind("Pod"), pod.Namespace, pod.Name,
		core.SchemeGroupVersion.WithResource("pods"), "", admission.Create, &metav1.CreateOptions{}, false, nil)
	objects := admission.NewObjectInterfacesFromScheme(scheme.Scheme)
	if err := s.plugin.Admit(context.Background(), attributes, objects); err != nil {
		return nil, err
	}
	if again := attributes.GetReinvocationContext(); again.ShouldReinvoke() {
		again.SetIsReinvoke()
		if err := s.plugin.Admit(context.Background(), attributes, objects); err != nil {
			return nil, err
		}
	}
	return pod, nil
}

// A client whose discovery has the schemas of the API, like that of a cluster.
type client struct{ *fake.Clientset }

func (c client) Discovery() discovery.DiscoveryInterfaces {
	return withSchemas{c.Clientset.Discovery()}
}

type withSchemas struct{ discovery.DiscoveryInterfaces }

func (withSchemas) OpenAPIV3() openapi.Client { return openapitest.NewEmbeddedFileClient() }

// The policy and its binding as rendered, rejecting a pod if the CEL fails.
func injection(t *testing.T, values map[string]any) []runtime.Object {
	t.Helper()
	rendered := mustRender(t, load(t, chartDir), "jvmem", values, kube("1.36.0"))
	restricted := namespace(restrictedNamespace)
	restricted.Labels[api.EnforceLevelLabel] = string(api.LevelRestricted)
	all := []runtime.Object{namespace("shop"), namespace("kube-system"), restricted, namespace(quotaNamespace),
		quota("pods", core.ResourcePods), quota("cpu", core.ResourceLimitsCPU), namespace("minimum"), minimum()}
	for _, o := range objects(t, rendered) {
		switch o := o.(type) {
		case *admissionregistration.MutatingAdmissionPolicy:
			o.Spec.FailurePolicy = new(admissionregistration.Fail)
			all = append(all, o)
		case *admissionregistration.MutatingAdmissionPolicyBinding:
			all = append(all, o)
		case *admissionregistration.ValidatingAdmissionPolicy:
			o.Spec.FailurePolicy = new(admissionregistration.Fail)
			all = append(all, o)
		case *admissionregistration.ValidatingAdmissionPolicyBinding:
			all = append(all, o)
		}
	}
	return all
}

const (
	restrictedNamespace = "strict"
	quotaNamespace      = "quota"
)

func quota(name string, on core.ResourceName) *core.ResourceQuota {
	q := &core.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: quotaNamespace}}
	q.Spec.Hard = core.ResourceList{on: resource.MustParse("10")}
	return q
}

func minimum() *core.LimitRange {
	l := &core.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "minimum", Namespace: "minimum"}}
	least := core.ResourceList{core.ResourceCPU: resource.MustParse("5m"), core.ResourceMemory: resource.MustParse("96Mi")}
	l.Spec.Limits = []core.LimitRangeItem{
		{Type: core.LimitTypePod, Min: core.ResourceList{core.ResourceCPU: resource.MustParse("1")}},
		{Type: core.LimitTypeContainer, Min: least},
	}
	return l
}

func namespace(name string) *core.Namespace {
	return &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{core.LabelMetadataName: name}}}
}

// The oldest API server with this kind of policy supports its CEL.
func TestCELOfOldestVersion(t *testing.T) {
	for _, o := range injection(t, readValues(t, "testdata/render/injection.values.yaml")) {
		if policy, ok := o.(*admissionregistration.MutatingAdmissionPolicy); ok {
			t.Run(policy.Name, func(t *testing.T) { compile(t, policy) })
		}
	}
}

func compile(t *testing.T, policy *admissionregistration.MutatingAdmissionPolicy) {
	t.Helper()
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(version.MajorMinor(1, 34)))
	if err != nil {
		t.Fatal(err)
	}
	options := cel.OptionalVariableDeclarations{HasAuthorizer: true, HasParams: policy.Spec.ParamKind != nil}
	var results []cel.CompilationResult
	for _, v := range policy.Spec.Variables {
		variable := &mutating.Variable{Name: v.Name, Expression: v.Expression}
		results = append(results, compiler.CompileAndStoreVariable(variable, options, environment.NewExpressions))
	}
	for i := range policy.Spec.MatchConditions {
		condition := (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i])
		results = append(results, compiler.CompileCELExpression(condition, options, environment.NewExpressions))
	}
	options.HasPatchTypes = true
	patch := &patch.JSONPatchCondition{Expression: policy.Spec.Mutations[0].JSONPatch.Expression}
	results = append(results, compiler.CompileCELExpression(patch, options, environment.NewExpressions))
	for _, r := range results {
		if r.Error != nil {
			t.Errorf("%v in %s", r.Error, r.ExpressionAccessor.GetExpression())
		}
	}
}
