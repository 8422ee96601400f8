// The data source in the browser: it hands queries to its backend.
class DataSource extends runtime.DataSourceWithBackend {
  constructor(instanceSettings) {
    super(instanceSettings);
    this.annotations = {}; // the query editor serves annotations too
  }

  getQueryDisplayText(query) {
    return String(query[info.queryTextKey] || '');
  }

  /** A query without a text is not asked, unless the plugin has a default. */
  filterQuery(query) {
    const schema = (info.querySchema.properties || {})[info.queryTextKey] || {};
    return !query.hide && Boolean(!info.queryTextKey || schema.default || query[info.queryTextKey]);
  }

  applyTemplateVariables(query, scopedVars, filters) {
    const { datasource, refId, ...own } = query; // Grafana's own keys hold no variables
    const text = own[info.queryTextKey];
    const replaced = { ...query, ...interpolated(own, scopedVars) };
    if (text !== undefined) {
      replaced[info.queryTextKey] = interpolated(text, scopedVars, variableFormat());
    }
    const filterKey = ['adhocFilters', 'adHocFilters'].find((key) => key in (info.querySchema.properties || {}));
    return filters && filters.length && filterKey ? { ...replaced, [filterKey]: filters } : replaced;
  }

  async metricFindQuery(query, options = {}) {
    const target = { refId: 'metricFindQuery', ...variableQuery(query) };
    const request = {
      requestId: `variable-${this.uid}`,
      targets: [target],
      range: options.range || data.getDefaultTimeRange(),
      scopedVars: options.scopedVars || {},
      intervalMs: 1000,
      maxDataPoints: 1000,
    };
    const response = await rxjs.lastValueFrom(this.query(request));
    const [error] = response.errors || [];
    if (error) {
      throw new Error(error.message || (error.data && error.data.message) || 'The query of the variable failed');
    }
    return variableValues(response.data);
  }
}
