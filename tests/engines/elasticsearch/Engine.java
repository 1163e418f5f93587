/*
 * Copyright (c) 2026 The syslog-ng-sip authors
 *
 * This program is free software; you can redistribute it and/or modify it
 * under the terms of the GNU General Public License as published by the
 * Free Software Foundation; either version 2 of the License, or (at your
 * option) any later version.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;

import org.elasticsearch.client.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.metadata.MetadataDeleteIndexService;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.Index;
import org.elasticsearch.index.mapper.DataStreamTimestampFieldMapper;
import org.elasticsearch.index.mapper.MetadataFieldMapper;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.MapperPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.BytesRestResponse;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.transport.Netty4Plugin;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * One Elasticsearch node on the loopback address: Engine HOME PORT.
 *
 * Data streams are in the server, but they are switched on, listed and deleted by a plugin that Maven Central does not
 * have: the few lines of it that the tests need are here.
 */
public class Engine
{
  private static OneNode node;

  private static class OneNode extends Node
  {
    OneNode(Environment environment)
    {
      super(environment, List.of(Netty4Plugin.class, DataStreams.class), false);
    }
  }

  public static class DataStreams extends Plugin implements MapperPlugin, ActionPlugin
  {
    @Override
    public Map<String, MetadataFieldMapper.TypeParser> getMetadataMappers()
    {
      return Map.of(DataStreamTimestampFieldMapper.NAME, DataStreamTimestampFieldMapper.PARSER);
    }

    @Override
    public List<RestHandler> getRestHandlers(Settings settings, RestController controller, ClusterSettings cluster,
                                             IndexScopedSettings scoped, SettingsFilter filter,
                                             IndexNameExpressionResolver resolver, Supplier<DiscoveryNodes> nodes)
    {
      return List.of(new DataStreamHandler());
    }
  }

  /** GET and DELETE of /_data_stream/PATTERN */
  private static class DataStreamHandler extends BaseRestHandler
  {
    @Override
    public String getName()
    {
      return "sip_test_data_streams";
    }

    @Override
    public List<Route> routes()
    {
      return List.of(new Route(RestRequest.Method.GET, "/_data_stream/{name}"),
                     new Route(RestRequest.Method.DELETE, "/_data_stream/{name}"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client)
    {
      String pattern = request.param("name");
      ClusterService service = node.injector().getInstance(ClusterService.class);
      boolean delete = request.method() == RestRequest.Method.DELETE;
      return channel ->
      {
        List<DataStream> found = matching(service.state(), pattern);
        XContentBuilder answer = channel.newBuilder().startObject();
        if (delete)
          {
            remove(service, pattern);
            answer.field("acknowledged", true);
          }
        else
          {
            answer.startArray("data_streams");
            for (DataStream stream : found)
              {
                answer.startObject().field("name", stream.getName()).startArray("indices");
                for (Index index : stream.getIndices())
                  answer.startObject().field("index_name", index.getName()).endObject();
                answer.endArray().endObject();
              }
            answer.endArray();
          }
        boolean missing = found.isEmpty() && ! pattern.contains("*");
        channel.sendResponse(new BytesRestResponse(missing ? RestStatus.NOT_FOUND : RestStatus.OK, answer.endObject()));
      };
    }
  }

  private static List<DataStream> matching(ClusterState state, String pattern)
  {
    List<DataStream> found = new ArrayList<>(state.metadata().dataStreams().values());
    found.removeIf(stream -> ! Regex.simpleMatch(pattern, stream.getName()));
    return found;
  }

  /** Returns when it is done. */
  private static void remove(ClusterService service, String pattern) throws InterruptedException
  {
    MetadataDeleteIndexService deleter = node.injector().getInstance(MetadataDeleteIndexService.class);
    CountDownLatch done = new CountDownLatch(1);
    service.submitStateUpdateTask("remove data streams", new ClusterStateUpdateTask()
    {
      @Override
      public ClusterState execute(ClusterState state)
      {
        Metadata.Builder metadata = Metadata.builder(state.metadata());
        Set<Index> indices = new HashSet<>();
        for (DataStream stream : matching(state, pattern))
          {
            metadata.removeDataStream(stream.getName());
            indices.addAll(stream.getIndices());
          }
        return deleter.deleteIndices(ClusterState.builder(state).metadata(metadata).build(), indices);
      }

      @Override
      public void onFailure(String source, Exception error)
      {
        error.printStackTrace();
        done.countDown();
      }

      @Override
      public void clusterStateProcessed(String source, ClusterState before, ClusterState after)
      {
        done.countDown();
      }
    });
    done.await();
  }

  public static void main(String[] args) throws Exception
  {
    Path home = Paths.get(args[0]).toAbsolutePath();
    Settings settings = Settings.builder()
      .put("path.home", home)
      .put("cluster.name", "sip-test")
      .put("node.name", "sip-1")
      .put("discovery.type", "single-node")
      .put("network.host", "127.0.0.1")
      .put("http.port", args[1])
      .put("transport.port", "0")
      .put("cluster.routing.allocation.disk.threshold_enabled", false)
      .build();
    node = new OneNode(new Environment(settings, home.resolve("config")));
    node.start();
    Thread.currentThread().join();
  }
}
