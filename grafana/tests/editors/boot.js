// What Grafana's own page holds before any script runs.
window.grafanaBootData = { settings: { featureToggles: {} }, user: {}, navTree: [] };
