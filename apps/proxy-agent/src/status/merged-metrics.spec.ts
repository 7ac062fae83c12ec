import { withIstioNames } from './merged-metrics.js';

it('the standard metrics have Istio’s names, and "unknown" for what is not known; all others are Envoy’s', () => {
  const page = [
    '# TYPE envoy_istio_requests_total counter',
    'envoy_istio_requests_total{reporter="waypoint",source_app="-",destination_app="web",x="a-b"} 3',
    'envoy_cluster_upstream_cx_total{a="-"} 1',
  ].join('\n');
  expect(withIstioNames(page)).toBe(
    [
      '# TYPE istio_requests_total counter',
      'istio_requests_total{reporter="waypoint",source_app="unknown",destination_app="web",x="a-b"} 3',
      'envoy_cluster_upstream_cx_total{a="-"} 1',
    ].join('\n'),
  );
});

it('a request without flags and without gRPC reads as Istio writes it', () => {
  const line = 'envoy_istio_requests_total{grpc_response_status="",response_flags="-",source_app=""} 3';
  expect(withIstioNames(line)).toBe(
    'istio_requests_total{grpc_response_status="",response_flags="-",source_app="unknown"} 3',
  );
});
