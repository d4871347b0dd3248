"""The inventory of upstream, row by row, and where each is shown: `file:test` (both without their
test_), or `differences:` and how a row of docs/differences.md begins. test_upstream_rows.py holds
this table to both.
"""

ROWS: dict[str, dict[str, str]] = {
    "1 packages": {
        "import launchpad without TensorFlow": "surface:importing_launchpad_imports_little "
        "upstream_shortcomings:15_it_needs_no_tensorflow_and_few_threads",
        "import courier": "upstream_surface:courier_exports_what_upstream_does",
        "modules by upstream's paths": "surface:upstreams_import_works",
        "local_multi_processing": "upstream_behaviour:processes_name_their_interpreter",
        "nodes.base, dereference": "program:own_kinds_of_nodes_are_launched "
        "upstream_behaviour:a_handle_of_ones_own_is_tracked_and_transforms_nothing",
        "colocations' places": "colocation:upstreams_places_have_the_classes",
        "bind_addresses": "launch_modules:bound_addresses_let_a_test_run_nodes_by_hand",
        "launch modules": "launch_modules:each_launch_type_has_a_module_with_launch "
        "upstream_behaviour:upstreams_module_of_containers_launches_them",
        "StatusNotOk's names": "courier_errors:status_not_ok_is_one_class_under_all_its_names",
        "examples": "examples:hello_world_greets examples:consumer_gets_the_work_of_all_producers "
        "examples_more:batching_answers_every_client examples_more:program_wait_hears_the_stop "
        "upstream_behaviour:consumer_producers_can_be_in_containers",
        "lp.launch stays a function": "surface:launch_stays_a_function",
        "lazy_loader": "differences:`lp.lazy_loader`",
    },
    "2 top level": {
        "names and signatures": "upstream_surface:a_name_takes_what_upstreams_takes",
        "LAUNCH_TYPE before parsing": "surface:flags_are_not_read_before_they_are_parsed",
        "is_local_launch": "surface:launch_types_are_known",
        "an unknown name": "surface:an_unknown_name_is_an_attribute_error",
        "dir": "surface:all_is_sorted_and_importable",
        "what upstream lacks": "upstream_shortcomings:08_what_upstream_names_and_lacks_is_here "
        "differences:`lp.Deferred`,",
        "make_program": "program:make_program_labels_its_nodes differences:`make_program(*nodes)`",
        "DockerConfig without XManager": "vertex_ai:requirements_of_xmanager_are_taken",
    },
    "3 Program": {
        "groups, get_all_nodes, name": "program:nodes_are_grouped_by_label_in_order",
        "labels": "program:labels_are_checked program:a_group_ends_with_an_exception",
        "what is no node": "program:only_nodes_can_be_added "
        "differences:`Program.add_node` of something",
        "a node twice": "program:a_node_cannot_be_added_twice "
        "differences:`Program.add_node` of the same",
        "a new handle each call": "upstream_behaviour:each_handle_and_each_client_is_another",
    },
    "4 launch": {
        "flags are parsed": "quick_start:launch_type_comes_from_its_flag_when_none_is_given",
        "launch_type": "quick_start:launch_type_may_be_the_enum",
        "several programs": "quick_start:the_first_of_several_programs_is_launched_with_a_notice",
        "none": "upstream_errors:an_error_has_upstreams_type_and_words_and_says_what_to_do "
        "differences:`lp.launch([])`",
        "connect, bind, to_executables": "program:own_kinds_of_nodes_are_launched",
        "local_resources": "resources:a_node_has_the_flags_environment_folder_cpus_and_gpus_of_its_"
        "label launch_mistakes:mistakes_of_a_launch_are_named differences:unknown labels",
        "serialize_py_nodes": "program:a_node_that_does_not_pickle_is_named_with_what_does_not "
        "program:nodes_of_threads_need_not_pickle",
        "relaunch": "quick_start:a_program_can_be_launched_twice "
        "upstream_behaviour:a_relaunched_program_builds_its_objects_anew",
        "local_mt": "ends_of_threads:local_mt_raises_the_nodes_exception_as_its_own_type "
        "differences:`lp.launch`, local",
        "local_mp": "ends_of_processes:an_exception_ends_the_program_and_is_shown_once_last "
        "differences:a failed node",
        "names of threads": "differences:threads of local_mt",
        "test_mt": "ends_of_threads:a_test_fails_when_a_node_failed "
        "ends_of_threads:the_end_of_a_test_ends_the_program",
        "test_mt that nobody waits for": "ends_of_threads:a_program_that_nobody_waits_for_does_not_"
        "hold_up_the_end",
        "test_mp": "ends_of_threads:ctrl_c_ends_the_wait_of_a_test differences:`test_mp` without",
        "vertex_ai": "vertex_ai:googles_own_sdk_sends_the_request "
        "vertex_ai:without_the_sdk_the_error_has_the_install_line",
        "local_docker": "containers:a_node_stops_the_program_and_the_others_hear_it "
        "differences:`launch_type='local_docker'`",
    },
    "5 context": {
        "LaunchType": "surface:launch_types_are_known",
        "LaunchContext": "launch_mistakes:a_launch_context_is_set_by_a_launch",
        "get_context": "program:own_kinds_of_nodes_are_launched",
        "stop in methods and threads": "stopping:a_method_of_a_server_may_stop_the_program "
        "differences:`lp.stop()`",
    },
    "6 nodes": {
        "members": "upstream_surface:a_class_has_upstreams_members",
        "no to_executables": "upstream_surface:a_kind_of_node_that_says_nothing_of_what_it_runs_is_"
        "told_how_to differences:a node kind without",
        "PyNode": "program:nested_handles_become_clients upstream_behaviour:py_nodes_are_numbered "
        "differences:a `PyNode` with",
        "PyClassNode": "launch_mistakes:arguments_that_cannot_be_walked_name_the_node "
        "upstream_behaviour:a_py_class_node_without_run_says_that_it_ends "
        "quick_start:py_nodes_run_a_function_with_clients_for_handles differences:an object of",
        "CourierNode: what is served": "program:what_is_served_is_public_and_callable "
        "differences:properties of",
        "CourierNode: run": "upstream_behaviour:a_node_whose_run_is_disabled_serves_and_run_can_be_"
        "called ends_of_processes:a_node_that_ends_well_does_not_end_the_program",
        "set_courier_server": "program:an_object_may_manage_its_server_itself",
        "courier_kwargs": "address:a_node_with_a_port_is_reached_there_as_well_and_says_if_it_is_"
        "taken "
        "program:bad_courier_kwargs_fail_the_node",
        "courier_client_kwargs": "program:client_kwargs_reach_the_clients",
        "configure": "program:cycles_are_drawn_with_configure",
        "any constructor": "upstream_behaviour:a_constructor_may_be_a_function_and_return_nothing",
        "CourierHandle": "program:a_handle_says_that_it_must_be_dereferenced",
        "MultiThreadingColocation": "colocation:nodes_inside_are_called_from_inside_and_outside "
        "colocation:the_first_error_of_a_thread_surfaces "
        "colocation:the_first_completed_can_end_a_colocation_of_threads "
        "colocation:handles_of_nodes_inside_are_the_colocations_own",
        "MultiProcessingColocation": "colocation:processes_that_fail_are_started_again_while_calls_"
        "wait colocation:without_retries_left_the_program_fails "
        "colocation:no_process_stays_however_the_launcher_ends "
        "colocation:no_temporary_folder_stays_however_the_launcher_ends",
        "CacherNode": "cacher:a_node_serves_the_methods_of_another_and_keeps_them_fresh",
        "ReverbNode": "reverb_node:an_agent_of_actors_replay_and_learner_runs "
        "reverb_node:a_replay_node_may_live_beside_others_in_one differences:`lp.ReverbNode`",
        "ReverbNode: tables are made in the node": "reverb_node:drawing_and_importing_launchpad_do_"
        "not_import_reverb",
        "ReverbNode: checkpoints": "reverb_node:a_time_between_checkpoints_is_positive "
        "reverb_node:a_node_writes_checkpoints_and_starts_from_the_newest",
        "ReverbNode: the handle, reverb_address": "reverb_node:a_handle_becomes_a_client_of_a_node_"
        "that_is_run_by_hand",
        "ReverbNode: run": "reverb_node:a_node_that_is_run_by_hand_serves_and_writes_checkpoints "
        "reverb_node:a_stop_ends_what_waits_for_the_replay_node "
        "differences:waits for a `lp.ReverbNode`",
        "Deferred": "upstream_surface:a_deferred_says_where_it_was_written "
        "upstream_surface:a_deferred_is_built_once "
        "upstream_surface:a_deferreds_own_exception_is_raised_if_the_flag_asks_for_it",
    },
    "7 batched_handler": {
        "attributes": "batching:functions_can_be_decorated",
        "unbound methods": "batching:an_unbound_method_is_refused",
        "forming": "batching:a_lone_call_runs_after_the_timeout "
        "batching:at_most_max_parallelism_batches_run_at_the_same_time",
        "padding": "batching:padding_fills_the_batch",
        "arguments": "batching:numbers_become_arrays_of_their_kind "
        "batching:arrays_are_stacked_on_a_new_first_axis batching:bytes_become_an_object_array "
        "batching:other_values_become_lists batching:tuples_and_dicts_are_batched_within",
        "mismatch": "batching:requests_that_do_not_fit_together_are_refused",
        "result": "batching:results_are_split_through_tuples_and_dicts "
        "batching:results_that_are_no_batch_are_refused differences:batches of",
        "errors": "batching:an_exception_reaches_every_caller",
        "threads": "batching:a_waiting_call_leaves_the_only_thread_to_others "
        "differences:`lp.batched_handler`",
    },
    "8 addresses": {
        "Address": "address:an_address_resolves_to_what_it_was_bound_to "
        "address:names_are_lower_case_words address:an_address_has_one_node "
        "address:an_address_that_cannot_be_resolved_says_why",
        "pickling": "upstream_behaviour:an_address_pickles_without_its_node",
        "builders": "address:an_abstract_builder_cannot_be_made "
        "address:a_local_address_stays_the_same differences:`PORTSERVER_ADDRESS`",
        "ports": "address:ports_may_be_named_by_the_environment",
        "Vertex AI": "vertex_ai:nodes_find_each_other_by_the_cluster_spec "
        "vertex_ai:a_node_with_two_addresses_is_an_error",
    },
    "9 resources": {
        "PythonProcess": "resources:a_node_has_the_flags_environment_folder_cpus_and_gpus_of_its_"
        "label upstream_behaviour:processes_name_their_interpreter",
        "flags of the launcher": "quick_start:the_launchers_flags_reach_the_nodes "
        "differences:launcher's flags",
        "flags of jax": "upstream_behaviour:flags_of_jax_are_given_to_jax",
        "DockerConfig": "vertex_ai:what_is_missing_is_named "
        "vertex_ai:requirements_of_xmanager_are_taken",
        "to_docker_executables": "differences:`launch_type='vertex_ai'`",
        "worker pools": "vertex_ai:equal_nodes_share_a_pool_but_for_the_first_which_is_alone "
        "vertex_ai:more_than_four_pools_are_an_error",
    },
    "10 stopping": {
        "stop": "ends_of_processes:a_program_stopped_by_a_node_is_a_success "
        "differences:a program stopped",
        "make_program_stopper": "stopping:make_program_stopper_knows_its_launch_types "
        "vertex_ai:the_stopper_cancels_the_job_of_its_task "
        "containers:a_stopper_outside_of_a_container_says_where_it_works",
        "wait_for_stop, stop_event": "stopping:stop_functions_work_in_methods_and_own_threads",
        "stop handlers": "stopping:stop_handlers_are_called_once_and_alone "
        "stopping:handlers_may_be_registered_before_there_is_a_program "
        "launch_modules:stop_handlers_of_the_launcher_run_once_whatever_one_of_them_raises "
        "differences:`register_stop_handler`",
        "Acme's runtime_terminator": "acme:the_steps_limiter_ends_all_nodes",
    },
    "11 managers, terminals, flags": {
        "WorkerManager": "own_workers:it_waits_for_threads_and_processes "
        "own_workers:an_existing_process_is_watched "
        "own_workers:wait_can_be_limited_to_names_and_to_the_first "
        "own_workers:a_failure_of_a_thread_can_be_asked_for "
        "differences:`worker_manager.WorkerManager`",
        "get_worker_manager": "own_workers:its_threads_and_a_registered_one_find_it",
        "wait": "ends_of_threads:wait_can_be_limited_to_labels ends_of_threads:a_failure_is_raised_"
        "once ends_of_threads:a_failure_can_be_left_for_later differences:`WorkerManager.wait`",
        "SIGINT, SIGTERM": "signals:one_signal_asks_the_nodes_to_stop "
        "signals:two_interrupts_end_a_program_that_does_not_stop differences:Ctrl-C",
        "SIGQUIT": "signals:sigquit_kills_at_once",
        "countdown": "ends_of_processes:a_process_that_ignores_the_stop_is_killed_after_the_notice",
        "previous handlers": "signals:signal_handlers_are_the_scripts_own_again_after_launch",
        "worker_manager_v2": "differences:`worker_manager_v2`",
        "choice of a terminal": "terminals:an_unknown_terminal_is_named_with_the_choices "
        "terminals:the_argument_prevails_over_the_environment differences:default terminal",
        "current_terminal": "ends_of_processes:output_that_was_not_flushed_is_not_lost",
        "output_to_files": "terminals:output_goes_to_files_that_each_run_makes_anew",
        "tmux, byobu": "terminals:a_session_has_a_window_for_each_node_that_shows_its_output "
        "terminals:a_session_name_that_is_taken_gets_a_number "
        "terminals:a_launcher_inside_of_tmux_switches_to_its_session_if_told_to",
        "xterm, gnome": "terminals:xterm_shows_a_window_for_each_node "
        "terminals:gnome_terminal_shows_each_nodes_output differences:windows of",
        "serialization": "upstream_behaviour:functions_are_written_to_a_file_with_what_they_share "
        "upstream_behaviour:caches_pickle_empty",
        "signal_handling": "launch_modules:signal_handling_ends_a_process_gracefully",
        "flags": "upstream_surface:a_flag_has_upstreams_default "
        "surface:a_bad_launch_type_flag_ends_the_script",
    },
    "12 courier": {
        "calls": "courier_clients:a_client_calls_and_lists_methods",
        "futures": "courier_futures:a_running_call_can_be_cancelled "
        "courier_futures:wait_and_as_completed_work",
        "call_timeout": "courier_errors:a_call_that_takes_too_long_is_given_up "
        "courier_errors:no_timeout_is_no_timeout",
        "wait_for_ready": "courier_clients:a_call_waits_for_a_server_that_comes_up_later "
        "courier_errors:no_server_is_unavailable_at_once_when_the_client_does_not_wait",
        "pickling": "courier_clients:options_survive_pickling "
        "courier_clients:python_protocols_do_not_become_calls differences:`client.__deepcopy__`",
        "Ctrl-C": "courier_clients:ctrl_c_ends_a_wait_of_the_main_thread",
        "codes": "courier_errors:the_code_says_what_kind_of_exception_it_was",
        "errors": "courier_errors:errors_pickle_and_copy courier_errors:an_unknown_method_is_named "
        "differences:remote exceptions",
        "SystemExit in a method": "courier_errors:system_exit_in_a_method_does_not_end_the_server",
        "Server": "courier_clients:misuse_of_a_server_is_a_value_error "
        "courier_clients:a_server_listens_on_loopback_at_its_port differences:`courier.Server`",
        "a taken port": "courier_clients:a_second_server_at_an_address_is_refused "
        "differences:a server's `Start`",
        "Bind, Unbind, *": "courier_clients:methods_can_be_bound_again_and_taken_back "
        "courier_clients:a_star_catches_every_unknown_method",
        "values": "courier_values:a_value_arrives_as_it_was "
        "courier_values:what_does_not_pickle_is_a_clean_error differences:integers beyond",
        "arrays": "courier_arrays:every_dtype_arrives_in_both_byte_orders "
        "courier_arrays:every_layout_arrives courier_arrays:masks_and_subclasses_arrive "
        "differences:numpy arrays",
        "handlers": "courier_clients:upstreams_handlers_are_bound_and_called",
        "native helpers": "courier_clients:values_become_bytes_by_upstreams_names "
        "differences:`courier.python.pybind`",
        "is_priority": "courier_priority:a_priority_method_runs_although_the_only_thread_is_blocked"
        " courier_priority:a_nodes_method_may_be_decorated differences:`is_priority`",
    },
    "13 Acme": {
        "layouts": "acme:the_steps_limiter_ends_all_nodes "
        "acme:acmes_parts_import_where_their_packages_are_here",
        "resources": "acme:resources_of_acme_become_worker_pools",
        "one label for several kinds": "acme:nodes_under_one_label_share_its_counter",
        "limits": "acme:actors_count_together_until_the_limit_is_reached",
    },
    "where ours is to be better": {
        "make_program": "program:make_program_labels_its_nodes",
        "CacherNode": "cacher:a_node_serves_the_methods_of_another_and_keeps_them_fresh",
        "an address need not be a port": "differences:addresses of courier",
        "a batched call that waits": "batching:a_waiting_call_leaves_the_only_thread_to_others",
        "the terminal": "upstream_shortcomings:09_output_is_seen_where_the_program_was_started_"
        "though_tmux_is_there",
        "what does not pickle": "preflight:a_node_that_does_not_pickle_is_named_with_the_attribute_"
        "and_its_place",
        "a stop": "ends_of_processes:a_program_stopped_by_a_node_is_a_success",
        "the first failure": "ends_of_processes:the_first_failure_is_shown_not_what_it_led_to",
        "loopback": "courier_clients:a_server_listens_on_loopback_at_its_port",
        "the original exception": "courier_errors:the_error_is_also_of_the_original_type",
        "arrays": "courier_arrays:arrays_of_every_size_can_be_changed_by_whoever_gets_them "
        "courier_arrays:object_arrays_arrive courier_arrays:arrays_of_ml_dtypes_arrive",
        "resources": "resources:the_interpreter_can_be_chosen resources:no_gpus_hides_all",
        "post-mortem pdb": "debugger:a_crashed_node_is_debugged_where_it_failed "
        "debugger:only_the_first_node_that_fails_is_debugged",
        "signals from the start on": "signals:one_signal_asks_the_nodes_to_stop",
        "nothing stays behind": "signals:nothing_survives_a_killed_launcher",
    },
}
# Each rank of the last section has tests that begin with its number.
SHORTCOMINGS = range(1, 16)
